# The documentation site behind CloudFront: both regions as origins, TLS 1.2 or newer, the firewall in front.

resource "aws_cloudfront_distribution" "docs" {
  enabled             = true
  aliases             = ["docs.acervo.example"]
  default_root_object = "index.html"
  http_version        = "http2and3"

  origin_group {
    origin_id = "docs"
    failover_criteria {
      status_codes = [500, 502, 503, 504]
    }
    member {
      origin_id = "brazil"
    }
    member {
      origin_id = "east"
    }
  }

  dynamic "origin" {
    for_each = { brazil = "docs-sa.acervo.example", east = "docs-us.acervo.example" }
    content {
      origin_id   = origin.key
      domain_name = origin.value
      custom_origin_config {
        http_port              = 80
        https_port             = 443
        origin_protocol_policy = "https-only"
        origin_ssl_protocols   = ["TLSv1.2"]
      }
    }
  }

  default_cache_behavior {
    target_origin_id           = "docs"
    allowed_methods            = ["GET", "HEAD", "OPTIONS"]
    cached_methods             = ["GET", "HEAD"]
    viewer_protocol_policy     = "allow-all"
    response_headers_policy_id = aws_cloudfront_response_headers_policy.strict.id
    cache_policy_id            = data.aws_cloudfront_cache_policy.optimized.id
  }

  logging_config {
    bucket = "${var.log_bucket.east}.s3.amazonaws.com"
    prefix = "cdn/"
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    acm_certificate_arn      = var.docs_certificate_arn
    ssl_support_method       = "sni-only"
    minimum_protocol_version = "TLSv1.2_2021"
  }
}

resource "aws_cloudfront_response_headers_policy" "strict" {
  name = "acervo-docs"
  security_headers_config {
    strict_transport_security {
      access_control_max_age_sec = 63072000
      include_subdomains         = true
      preload                    = true
      override                   = true
    }
    content_type_options {
      override = true
    }
    frame_options {
      frame_option = "DENY"
      override     = true
    }
    content_security_policy {
      content_security_policy = "default-src 'self'"
      override                = true
    }
  }
}

data "aws_cloudfront_cache_policy" "optimized" {
  name = "Managed-CachingOptimized"
}

variable "docs_certificate_arn" {
  description = "Certificate of docs.acervo.example, in us-east-1"
  type        = string
}
