resource "aws_s3_bucket" "b" {
  bucket = "b"
}

resource "aws_s3_bucket_server_side_encryption_configuration" "b" {
  bucket = "another"
}

resource "aws_efs_file_system" "f" {
  encrypted = true
}
