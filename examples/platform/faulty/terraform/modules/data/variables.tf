variable "region" {
  description = "AWS region"
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets, one in each zone"
  type        = list(string)
}

variable "vpc_id" {
  description = "The region's VPC"
  type        = string
}

variable "cidr" {
  description = "Address range of the VPC"
  type        = string
}

variable "kms_key_arn" {
  description = "The region's key"
  type        = string
}

variable "log_bucket" {
  description = "Where access logs go"
  type        = string
}

variable "replication_role_arn" {
  description = "Role that copies objects to the other region"
  type        = string
}

variable "replica_bucket_arn" {
  description = "The other region's bucket"
  type        = string
}

variable "replica_kms_key_arn" {
  description = "The other region's key"
  type        = string
}
