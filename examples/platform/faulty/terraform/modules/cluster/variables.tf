variable "subnet_ids" {
  description = "Private subnets, one in each zone"
  type        = list(string)
}

variable "kms_key_arn" {
  description = "Key that encrypts Kubernetes Secrets"
  type        = string
}
