# One key in each region. The account's own IAM decides who may use it.

locals {
  key_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AccountDecides"
      Effect    = "Allow"
      Action    = "kms:*"
      Resource  = "*" # in a key's policy: this key
      Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.current.account_id}:root" }
    }]
  })
}

resource "aws_kms_key" "brazil" {
  description         = "Acervo data, sa-east-1"
  enable_key_rotation = true
  policy              = local.key_policy
}

resource "aws_kms_key" "east" {
  provider            = aws.east
  description         = "Acervo data, us-east-1"
  enable_key_rotation = true
  policy              = local.key_policy
}
