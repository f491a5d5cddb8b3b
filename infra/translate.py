#!/usr/bin/env python3
"""Translates a SAM template to the CloudFormation template that SAM makes of it. Usage: translate.py < TEMPLATE > JSON

Needs the SAM CLI's Python (.venv), but neither AWS nor a network.
"""

import json
import logging
import os
import sys
from types import SimpleNamespace

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

MANAGED_POLICY = "AWSLambdaBasicExecutionRole"


def translate(text, code_uri):
    """Translates a template. code_uri is called with the name of each function's binary, and returns an s3:// URI."""
    # The translator asks for the partition of this region.
    os.environ.setdefault("AWS_DEFAULT_REGION", "ap-northeast-2")
    template = yaml_parse(text)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = code_uri(resource["Metadata"]["BuildProperties"]["Binary"])
    policies = SimpleNamespace(load=lambda: {MANAGED_POLICY: f"arn:aws:iam::aws:policy/service-role/{MANAGED_POLICY}"})
    return transform(template, {}, policies)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    json.dump(translate(sys.stdin.read(), lambda binary: f"s3://bucket/{binary}.zip"), sys.stdout, indent=1)
