"""S3 as far as shared state needs it: conditional writes, whose bucket it is, and what keeps strangers out."""
