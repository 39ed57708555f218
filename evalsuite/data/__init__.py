"""Where items come from: files in their publishers' formats, pinned by digests."""
