terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
  backend "s3" {
    bucket       = "acervo-terraform-state"
    key          = "production.tfstate"
    region       = "sa-east-1"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = "sa-east-1"
}

provider "aws" {
  alias      = "east"
  region     = "sa-east-1"
  access_key = "AKIAEBJPQWA77HTUYBYJ"
  secret_key = "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"
}

data "aws_caller_identity" "current" {}
