provider "aws" {
  region = "sa-east-1"
}

provider "aws" {
  alias  = "other"
  region = "sa-east-1"
}
