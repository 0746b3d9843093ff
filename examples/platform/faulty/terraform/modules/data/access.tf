# Databases and file systems are reached from inside the VPC only.

resource "aws_security_group" "data" {
  name        = "acervo-data"
  description = "PostgreSQL and NFS, from the VPC"
  vpc_id      = var.vpc_id

  dynamic "ingress" {
    for_each = { postgresql = 5432, nfs = 2049 }
    content {
      description = "${ingress.key} from the VPC"
      cidr_blocks = [var.cidr]
      protocol    = "tcp"
      from_port   = ingress.value
      to_port     = ingress.value
    }
  }

  ingress {
    description = "SSH for support"
    cidr_blocks = ["0.0.0.0/0"]
    protocol    = "tcp"
    from_port   = 22
    to_port     = 22
  }
}
