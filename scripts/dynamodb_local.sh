#!/usr/bin/env bash
# Fetches Amazon's DynamoDB Local, a second opinion for the tests, where Java and Maven are at hand.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v java >/dev/null || ! command -v mvn >/dev/null; then
    echo "SKIPPED: without java and mvn, the tests cannot be run on Amazon's DynamoDB Local" >&2
    exit 0
fi
[ -d target/dynamodb-local ] && exit 0
echo "Fetching Amazon's DynamoDB Local" >&2
fetched=target/dynamodb-local.part
rm -rf "$fetched"
if ! mvn -q -B -f tests/dynamodb_local/pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$PWD/$fetched" >&2; then
    echo "SKIPPED: Amazon's DynamoDB Local cannot be fetched, so the tests cannot be run on it" >&2
    exit 0
fi
mv "$fetched" target/dynamodb-local
