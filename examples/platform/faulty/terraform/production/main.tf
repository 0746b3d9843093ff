# Production: São Paulo serves, Virginia stands by with a full copy.

module "network_brazil" {
  source         = "../modules/network"
  cidr           = "10.40.0.0/16"
  region         = "sa-east-1"
  zones          = ["sa-east-1a", "sa-east-1b", "sa-east-1c"]
  log_bucket_arn = "arn:aws:s3:::${var.log_bucket.brazil}"
}

module "network_east" {
  source         = "../modules/network"
  providers      = { aws = aws.east }
  cidr           = "10.41.0.0/16"
  region         = "us-east-1"
  zones          = ["us-east-1a", "us-east-1b", "us-east-1d"]
  log_bucket_arn = "arn:aws:s3:::${var.log_bucket.east}"
}

module "cluster_brazil" {
  source      = "../modules/cluster"
  subnet_ids  = module.network_brazil.private_subnet_ids
  kms_key_arn = aws_kms_key.brazil.arn
}

module "cluster_east" {
  source      = "../modules/cluster"
  providers   = { aws = aws.east }
  subnet_ids  = module.network_east.private_subnet_ids
  kms_key_arn = aws_kms_key.east.arn
}

module "data_brazil" {
  source               = "../modules/data"
  region               = "sa-east-1"
  subnet_ids           = module.network_brazil.private_subnet_ids
  vpc_id               = module.network_brazil.vpc_id
  cidr                 = "10.40.0.0/16"
  kms_key_arn          = aws_kms_key.brazil.arn
  log_bucket           = var.log_bucket.brazil
  replication_role_arn = aws_iam_role.replication.arn
  replica_bucket_arn   = "arn:aws:s3:::acervo-documents-us-east-1"
  replica_kms_key_arn  = aws_kms_key.east.arn
}

module "data_east" {
  source               = "../modules/data"
  providers            = { aws = aws.east }
  region               = "us-east-1"
  subnet_ids           = module.network_east.private_subnet_ids
  vpc_id               = module.network_east.vpc_id
  cidr                 = "10.41.0.0/16"
  kms_key_arn          = aws_kms_key.east.arn
  log_bucket           = var.log_bucket.east
  replication_role_arn = aws_iam_role.replication.arn
  replica_bucket_arn   = "arn:aws:s3:::acervo-documents-sa-east-1"
  replica_kms_key_arn  = aws_kms_key.brazil.arn
}

module "edge_brazil" {
  source      = "../modules/edge"
  scope       = "REGIONAL"
  kms_key_arn = aws_kms_key.brazil.arn
}

module "edge_cdn" {
  source      = "../modules/edge"
  providers   = { aws = aws.east }
  scope       = "CLOUDFRONT"
  kms_key_arn = aws_kms_key.east.arn
}

resource "aws_iam_role" "replication" {
  name = "acervo-replication"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "s3.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "replication" {
  name = "copy-documents"
  role = aws_iam_role.replication.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["s3:GetReplicationConfiguration", "s3:ListBucket"]
        Resource = ["arn:aws:s3:::acervo-documents-sa-east-1", "arn:aws:s3:::acervo-documents-us-east-1"]
      },
      {
        Effect   = "Allow"
        Action   = ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging", "s3:ReplicateObject", "s3:ReplicateDelete"]
        Resource = ["arn:aws:s3:::acervo-documents-sa-east-1/*", "arn:aws:s3:::acervo-documents-us-east-1/*"]
      },
      {
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:Encrypt"]
        Resource = [aws_kms_key.brazil.arn, aws_kms_key.east.arn]
      }
    ]
  })
}

variable "log_bucket" {
  description = "Log buckets of the two regions, owned by the security account"
  type        = object({ brazil = string, east = string })
}
