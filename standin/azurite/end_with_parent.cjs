// Loaded before Azurite: ends it when the pipe from the process that started it closes, which the
// system does for a process that was killed, too.
process.stdin.on("end", () => process.exit(0));
process.stdin.on("error", () => process.exit(0));
process.stdin.resume();
