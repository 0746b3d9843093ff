variable "scope" {
  description = "REGIONAL for load balancers, CLOUDFRONT for the CDN"
  type        = string
  validation {
    condition     = contains(["REGIONAL", "CLOUDFRONT"], var.scope)
    error_message = "scope is REGIONAL or CLOUDFRONT."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the firewall's logs"
  type        = string
}

output "web_acl_arn" {
  value = aws_wafv2_web_acl.this.arn
}
