# PostgreSQL (Aurora): one writer, 2 to 10 read replicas, encrypted, reached over TLS with IAM.

locals {
  roles = ["writer", "reader-1", "reader-2"]
}

resource "aws_rds_cluster" "this" {
  cluster_identifier                  = "acervo"
  engine                              = "aurora-postgresql"
  engine_version                      = "17.5"
  database_name                       = "acervo"
  master_username                     = "acervo_owner"
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = var.kms_key_arn
  storage_encrypted                   = false
  iam_database_authentication_enabled = true
  db_subnet_group_name                = aws_db_subnet_group.this.name
  vpc_security_group_ids              = [aws_security_group.data.id]
  db_cluster_parameter_group_name     = aws_rds_cluster_parameter_group.this.name
  enabled_cloudwatch_logs_exports     = ["postgresql"]
  backup_retention_period             = 35
  preferred_backup_window             = "05:00-06:00"
  copy_tags_to_snapshot               = true
  deletion_protection                 = false
  final_snapshot_identifier           = "acervo-final"
}

resource "aws_rds_cluster_parameter_group" "this" {
  name   = "acervo"
  family = "aurora-postgresql17"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
  parameter {
    name  = "log_statement"
    value = "ddl"
  }
  parameter {
    name  = "log_min_duration_statement"
    value = "500"
  }
}

resource "aws_rds_cluster_instance" "this" {
  for_each                        = toset(local.roles)
  identifier                      = "acervo-${each.value}"
  cluster_identifier              = aws_rds_cluster.this.id
  engine                          = aws_rds_cluster.this.engine
  instance_class                  = "db.r7g.large"
  db_subnet_group_name            = aws_db_subnet_group.this.name
  auto_minor_version_upgrade      = true
  copy_tags_to_snapshot           = true
  monitoring_interval             = 60
  monitoring_role_arn             = aws_iam_role.monitoring.arn
  performance_insights_enabled    = true
  performance_insights_kms_key_id = var.kms_key_arn
}

resource "aws_appautoscaling_target" "replicas" {
  service_namespace  = "rds"
  scalable_dimension = "rds:cluster:ReadReplicaCount"
  resource_id        = "cluster:${aws_rds_cluster.this.id}"
  min_capacity       = 0
  max_capacity       = 10
}

resource "aws_appautoscaling_policy" "replicas" {
  name               = "acervo-reader-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.replicas.service_namespace
  scalable_dimension = aws_appautoscaling_target.replicas.scalable_dimension
  resource_id        = aws_appautoscaling_target.replicas.resource_id

  target_tracking_scaling_policy_configuration {
    target_value = 70
    predefined_metric_specification {
      predefined_metric_type = "RDSReaderAverageCPUUtilization"
    }
  }
}

resource "aws_db_subnet_group" "this" {
  name       = "acervo"
  subnet_ids = var.subnet_ids
}

resource "aws_iam_role" "monitoring" {
  name_prefix        = "acervo-rds-monitoring-"
  assume_role_policy = data.aws_iam_policy_document.trust["monitoring.rds.amazonaws.com"].json
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}
