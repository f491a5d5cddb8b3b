#!/usr/bin/env bash
# Makes a new origin secret for a stack, for the parameter OriginSecret. Usage: infra/origin-secret.sh STACK LABEL
#
# LABEL names the secret: at most 16 letters, digits and hyphens, for example the date. Needs the AWS CLI and openssl.
#
# The functions will also accept the secret that the stack uses now, so no request is refused while the new one is deployed. If
# the stack has none yet, they accept every request until the next secret is deployed: the CDN must send one first.
set -euo pipefail

if (($# != 2)) || [[ ! $2 =~ ^[A-Za-z0-9-]{1,16}$ ]]; then
    sed -n '2,7s/^# \?//p' "$0" >&2
    exit 2
fi
stack=$1 label=$2 name=$1/origin

hash_of() {
    printf %s "$1" | openssl dgst -sha256 -r | cut -d' ' -f1
}

labels=$(aws secretsmanager list-secret-version-ids --secret-id "$name" --query 'Versions[].VersionStages[]' --output text \
    2>/dev/null) || labels=none
if [[ $labels == none ]]; then
    aws secretsmanager create-secret --name "$name" --description "Sent by the CDN of the stack $stack" --output text --query ARN
elif [[ " ${labels//$'\t'/ } " == *" $label "* ]]; then
    echo "$name has a secret with the label $label already" >&2
    exit 1
fi

secret=$(openssl rand -hex 32)
accepted=any
deployed=$(aws cloudformation describe-stacks --stack-name "$stack" --output text \
    --query "Stacks[0].Parameters[?ParameterKey=='OriginSecret'].ParameterValue")
if [[ -n $deployed && $deployed != None ]]; then
    former=$(aws secretsmanager get-secret-value --secret-id "$name" --version-stage "$deployed" --query SecretString --output text)
    [[ $former =~ \"sent\":\"([0-9a-f]{64})\" ]]
    accepted=$(hash_of "$secret"),$(hash_of "${BASH_REMATCH[1]}")
fi
# By standard input: the arguments of a process can be seen by other users of this machine.
printf '{"sent":"%s","accepted":"%s"}' "$secret" "$accepted" |
    aws secretsmanager put-secret-value --secret-id "$name" --version-stages "$label" \
        --secret-string file:///dev/stdin --output text --query VersionId
echo "Now deploy it: sam deploy --stack-name $stack --parameter-overrides OriginSecret=$label"
