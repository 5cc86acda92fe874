#!/usr/bin/env bash
# Fetches Amazon's DynamoDB Local, a second opinion for the tests, where Java and Maven are at hand.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/capability.sh
command -v java >/dev/null && command -v mvn >/dev/null ||
    skip dynamodb_local "Amazon's DynamoDB Local needs java and mvn"
[ -d target/dynamodb-local ] && exit 0
echo "Fetching Amazon's DynamoDB Local" >&2
fetched=target/dynamodb-local.part
rm -rf "$fetched"
mvn -q -B -f tests/dynamodb_local/pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$PWD/$fetched" >&2 ||
    skip dynamodb_local "Amazon's DynamoDB Local cannot be fetched"
mv "$fetched" target/dynamodb-local
