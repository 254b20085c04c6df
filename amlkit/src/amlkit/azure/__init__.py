"""What both SDKs of Azure ML need alike: who calls, blobs, words for errors, content identities."""
