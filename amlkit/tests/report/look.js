// What is wrong with a page as it is drawn: lists of complaints, by kind, each empty on a good page.
(() => {
  document.querySelectorAll("details").forEach((fold) => { fold.open = true; });
  const found = { wide: [], faint: [], covered: [], cut: [], nameless: [], headings: [] };
  const words = (node) => node.textContent.trim().replace(/\s+/g, " ").slice(0, 60);

  // The page does not scroll to the side.
  const root = document.scrollingElement;
  if (root.scrollWidth > root.clientWidth) {
    found.wide.push(`${root.scrollWidth} px in ${root.clientWidth}`);
  }

  // The champion and each difference are seen without scrolling.
  for (const head of document.querySelectorAll("thead th")) {
    const box = head.getBoundingClientRect();
    const frame = head.closest(".scroll").getBoundingClientRect();
    if (/^(Champion|Difference)/.test(head.textContent) && box.right > Math.min(frame.right, innerWidth)) {
      found.wide.push(`${words(head)} ends at ${box.right}`);
    }
  }

  // Texts stand out from what is painted beneath them (WCAG 2: 4.5, of large text 3).
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const paint = canvas.getContext("2d", { willReadFrequently: true });
  const layers = (colours) => {
    paint.clearRect(0, 0, 1, 1);
    for (const [colour, alpha] of colours) {
      paint.globalAlpha = alpha;
      paint.fillStyle = colour;
      paint.fillRect(0, 0, 1, 1);
    }
    return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const opacity = (node) => (node ? getComputedStyle(node).opacity * opacity(node.parentElement) : 1);
  const coat = (node) => {
    const style = getComputedStyle(node);
    return node instanceof SVGElement && node.tagName !== "svg"
      ? [style.fill === "none" ? "transparent" : style.fill, style.fillOpacity * opacity(node)]
      : [style.backgroundColor, opacity(node)];
  };
  const contrast = (node, x, y) => {
    const style = getComputedStyle(node);
    const under = document.elementsFromPoint(x, y).filter((other) => other.tagName !== "text");
    const back = [["white", 1], ...under.reverse().map(coat)];
    const ink = node instanceof SVGElement ? style.fill : style.color;
    const [low, high] = [layers(back), layers([...back, [ink, opacity(node)]])]
      .map(luminance).sort((a, b) => a - b);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    return (high + 0.05) / (low + 0.05) / (large ? 3 : 4.5);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const node = text.parentElement;
    if (!text.data.trim() || node.closest(".hidden, .skip, title, desc")) continue;
    if (!node.checkVisibility()) continue; // left out on a phone
    node.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
    const range = document.createRange();
    range.selectNodeContents(text);
    const box = range.getClientRects()[0];
    const [x, y] = box ? [box.x + box.width / 2, box.y + box.height / 2] : [-1, -1];
    if (!document.elementFromPoint(x, y)) { found.faint.push(`not seen: ${words(node)}`); continue; }
    if (contrast(node, x, y) < 1) found.faint.push(words(node));
  }
  scrollTo(0, 0);

  // No curve runs through a figure's words (the grid may), and no word out of the figure.
  for (const svg of document.querySelectorAll("figure svg")) {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")].map((node) => [node, node.getBoundingClientRect()]);
    for (const [node, box] of texts) {
      if (box.left < frame.left - 1 || box.right > frame.right + 1) found.cut.push(words(node));
    }
    for (const path of svg.querySelectorAll("[clip-path] path, path[clip-path]")) {
      const grid = path.outerHTML.includes("--grid");
      if (grid || path.closest("defs") || getComputedStyle(path).fill !== "none") continue;
      const place = path.getScreenCTM();
      for (let at = 0; at <= path.getTotalLength(); at += 2) {
        const { x, y } = path.getPointAtLength(at).matrixTransform(place);
        const hit = texts.find(([, b]) => x > b.left && x < b.right && y > b.top && y < b.bottom);
        if (hit) { found.covered.push(`${svg.querySelector("title").textContent}: ${words(hit[0])}`); break; }
      }
    }
  }

  // Who does not see the page is told what is there.
  for (const picture of document.querySelectorAll("img, svg")) {
    const ids = (picture.getAttribute("aria-labelledby") || "").split(" ");
    const named = ids.map((id) => document.getElementById(id)).every((node) => node && words(node));
    if (!(picture.alt || named)) found.nameless.push(picture.outerHTML.slice(0, 80));
  }
  const levels = [...document.querySelectorAll("h1, h2, h3, h4")].map((head) => +head.tagName[1]);
  levels.forEach((level, i) => {
    if (i ? level === 1 || level > levels[i - 1] + 1 : level !== 1) found.headings.push(`h${level} at ${i}`);
  });
  return found;
})()
