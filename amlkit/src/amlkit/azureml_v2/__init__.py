"""Azure ML by SDK v2, the unmodified azure-ai-ml: a workspace's five parts on one connection.

What is registered, submitted and deployed is made by the owner's functions in `src/`. `shapes` asks
them for its content, each part asks them again for the real thing.
"""
