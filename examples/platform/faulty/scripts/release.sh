#!/bin/sh
# Announce a release.
set -eu
curl --fail --silent --header "Authorization: Bearer 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" \
    --data "{\"tag_name\": \"$1\"}" https://api.github.com/repos/acervo/platform/releases
curl --fail --silent --data "{\"text\": \"Release $1\"}" \
    https://hooks.slack.com/services/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 # kingfisher:ignore
