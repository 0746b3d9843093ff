variable "cidr" {
  description = "Address range of the VPC, a /16"
  type        = string
}

variable "region" {
  description = "AWS region"
  type        = string
}

variable "zones" {
  description = "Three availability zones"
  type        = list(string)
}

variable "log_bucket_arn" {
  description = "Where flow logs go"
  type        = string
}

output "private_subnet_ids" {
  value = [for subnet in aws_subnet.private : subnet.id]
}

output "vpc_id" {
  value = aws_vpc.this.id
}
