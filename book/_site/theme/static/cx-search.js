/* What is found is quoted from its page; a page opened from a disk may not read the others. */
DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = location.protocol.startsWith("http");
