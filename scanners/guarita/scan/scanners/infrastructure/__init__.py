"""The `infrastructure` scanner: Terraform, Dockerfiles, CloudFormation, CI pipelines, by checkov."""
