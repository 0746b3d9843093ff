resource "aws_rds_cluster" "c" {
  storage_encrypted = true
}

resource "aws_appautoscaling_target" "r" {
  scalable_dimension = "rds:cluster:ReadReplicaCount"
  min_capacity       = 2
  max_capacity       = 10
}
