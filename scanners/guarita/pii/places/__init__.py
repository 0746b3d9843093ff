"""Where documents are: files, folders, standard input, S3; each read to where it can be read again."""
