resource "aws_eks_node_group" "n" {
  scaling_config {
    min_size     = 1
    max_size     = 100
    desired_size = 3
  }
}
