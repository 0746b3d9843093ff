# Backups of the database and the file system: hourly, daily at 02:00, weekly.

resource "aws_backup_vault" "this" {
  name        = "acervo"
  kms_key_arn = var.kms_key_arn
}

resource "aws_backup_plan" "this" {
  name = "acervo"

  dynamic "rule" {
    for_each = {
      hourly = { schedule = "cron(5 */6 * * ? *)", days = 2 }
      daily  = { schedule = "cron(30 5 * * ? *)", days = 35 }
      weekly = { schedule = "cron(0 4 1 * ? *)", days = 365 }
    }
    content {
      rule_name                    = rule.key
      target_vault_name            = aws_backup_vault.this.name
      schedule                     = rule.value.schedule
      schedule_expression_timezone = "America/Sao_Paulo"
      lifecycle {
        delete_after = rule.value.days
      }
    }
  }
}

resource "aws_backup_selection" "this" {
  name         = "acervo"
  plan_id      = aws_backup_plan.this.id
  iam_role_arn = aws_iam_role.backup.arn
  resources    = [aws_rds_cluster.this.arn, aws_efs_file_system.work.arn]
}

resource "aws_iam_role" "backup" {
  name_prefix        = "acervo-backup-"
  assume_role_policy = data.aws_iam_policy_document.trust["backup.amazonaws.com"].json
}

resource "aws_iam_role_policy_attachment" "backup" {
  role       = aws_iam_role.backup.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup"
}

data "aws_iam_policy_document" "trust" {
  for_each = toset(["backup.amazonaws.com", "monitoring.rds.amazonaws.com"])
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = [each.value]
    }
  }
}
