//! infra/deployer.yaml allows what a deployment of template.yaml needs, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::template_yaml::{template, text, texts};

const DEPLOYER: &str = include_str!("../../infra/deployer.yaml");

/// What IAM allows in all inline policies of a role together, without white space.
const INLINE_CHARACTERS: usize = 10_240;
/// What IAM allows in a managed policy.
const MANAGED_CHARACTERS: usize = 6_144;

fn deployer() -> Value {
    serde_saphyr::from_str(DEPLOYER).unwrap()
}

/// The types that SAM makes of a type of ours.
fn made_of(kind: &str) -> &[&str] {
    match kind {
        "AWS::Serverless::Function" => &[
            "AWS::CodeDeploy::Application",
            "AWS::CodeDeploy::DeploymentGroup",
            "AWS::IAM::Role",
            "AWS::Lambda::Alias",
            "AWS::Lambda::EventInvokeConfig",
            "AWS::Lambda::Function",
            "AWS::Lambda::Permission",
            "AWS::Lambda::Version",
            // Events of type ScheduleV2.
            "AWS::Scheduler::Schedule",
        ],
        "AWS::Serverless::HttpApi" => &["AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Stage"],
        _ => &[],
    }
}

/// The types of all resources that a deployment creates.
fn deployed(template: &Value) -> BTreeSet<String> {
    let resources = template["Resources"].as_object().unwrap();
    let kinds = resources.values().map(|resource| text(&resource["Type"]));
    kinds
        .flat_map(|kind| match made_of(kind) {
            [] => {
                assert!(!kind.starts_with("AWS::Serverless::"), "{kind}");
                vec![kind.to_owned()]
            }
            made => made.iter().map(|kind| (*kind).to_owned()).collect(),
        })
        .collect()
}

fn inline_policies(deployer: &Value) -> impl Iterator<Item = &Value> {
    let policies = &deployer["Resources"]["CloudFormationRole"]["Properties"]["Policies"];
    let policies = policies.as_array().unwrap().iter();
    policies.map(|policy| &policy["PolicyDocument"])
}

/// The statements of CloudFormation's role, by their ids.
fn statements(deployer: &Value) -> BTreeMap<&str, &Value> {
    inline_policies(deployer)
        .flat_map(|policy| policy["Statement"].as_array().unwrap())
        .map(|statement| (text(&statement["Sid"]), statement))
        .collect()
}

#[test]
fn every_resource_type_has_the_statements_that_it_needs_and_no_statement_is_superfluous() {
    let deployer = deployer();
    let covered = deployer["Metadata"]["ResourceTypes"].as_object().unwrap();
    let types: BTreeSet<String> = covered.keys().cloned().collect();
    assert_eq!(types, deployed(&template()));
    let needed: BTreeSet<&str> = covered.values().flat_map(texts).collect();
    let given: BTreeSet<&str> = statements(&deployer).into_keys().collect();
    assert_eq!(needed, given);
}

/// The prefix of a type's actions.
fn service(kind: &str) -> &str {
    match kind.split("::").nth(1).unwrap() {
        "ApiGatewayV2" => "apigateway",
        "ApplicationAutoScaling" => "application-autoscaling",
        "Budgets" => "budgets",
        "CloudFront" => "cloudfront",
        "CloudWatch" => "cloudwatch",
        "CodeDeploy" => "codedeploy",
        "Cognito" => "cognito-idp",
        "DynamoDB" => "dynamodb",
        "Events" => "events",
        "IAM" => "iam",
        "Lambda" => "lambda",
        "Logs" => "logs",
        "Pipes" => "pipes",
        "SNS" => "sns",
        "SQS" => "sqs",
        "Scheduler" => "scheduler",
        other => panic!("which actions has {other}?"),
    }
}

#[test]
fn each_resource_type_can_be_created_and_deleted() {
    const CREATES: [&str; 7] = [
        "Create",
        "Put",
        "Register",
        "Subscribe",
        "Modify",
        "POST",
        "Add",
    ];
    const DELETES: [&str; 7] = [
        "Delete",
        "Deregister",
        "Unsubscribe",
        "Modify",
        "DELETE",
        "Remove",
        "Set",
    ];
    let deployer = deployer();
    let statements = statements(&deployer);
    for (kind, sids) in deployer["Metadata"]["ResourceTypes"].as_object().unwrap() {
        let prefix = format!("{}:", service(kind));
        let actions: Vec<&str> = texts(sids)
            .iter()
            .flat_map(|sid| texts(&statements[sid]["Action"]))
            .filter_map(|action| action.strip_prefix(&prefix))
            .collect();
        for verbs in [CREATES, DELETES] {
            let has = actions
                .iter()
                .any(|action| verbs.iter().any(|verb| action.starts_with(verb)));
            assert!(has, "{kind}: none of {verbs:?} in {actions:?}");
        }
    }
}

/// Reading and writing items, sending messages, invoking functions: the stack's own functions do that, not CloudFormation.
#[test]
fn a_deployment_cannot_touch_sales_and_names_every_action() {
    let deployer = deployer();
    for (sid, statement) in statements(&deployer) {
        for action in texts(&statement["Action"]) {
            let (service, name) = action.split_once(':').unwrap();
            let is_read = name == "Get*" || name == "List*" || name == "Describe*";
            let is_key = service == "kms";
            assert!(!name.contains('*') || is_read || is_key, "{sid}: {action}");
            for forbidden in ["Item", "Scan", "Query", "Publish", "Send", "Invoke"] {
                // "PublishVersion" and "…InvokeConfig" are about functions.
                let is_config = name.contains("InvokeConfig") || name == "PublishVersion";
                assert!(is_config || !name.contains(forbidden), "{sid}: {action}");
            }
        }
    }
}

#[test]
fn a_role_can_get_only_the_managed_policies_that_the_stack_uses() {
    let deployer = deployer();
    let allowed =
        &statements(&deployer)["ManagedPolicies"]["Condition"]["ArnEquals"]["iam:PolicyARN"];
    let allowed: BTreeSet<&str> = texts(allowed)
        .into_iter()
        .map(|arn| arn.rsplit('/').next().unwrap())
        .collect();
    let expected = [
        // By SAM, for logs and for Tracing.
        "AWSLambdaBasicExecutionRole",
        "AWSXrayWriteOnlyAccess",
        // By RolloutRole.
        "AWSCodeDeployRoleForLambda",
    ];
    assert_eq!(allowed, expected.into());
}

/// The size of a policy after the references are replaced by values that are never longer than these.
fn characters(policy: &Value) -> usize {
    policy
        .to_string()
        .replace("${AWS::Partition}", "aws-us-gov")
        .replace("${AWS::AccountId}", "123456789012")
        .replace("${StackName}", "x-stack-name-of-21-ch")
        .split_whitespace()
        .map(str::len)
        .sum()
}

#[test]
fn the_policies_fit_into_what_iam_allows() {
    let deployer = deployer();
    let inline: usize = inline_policies(&deployer).map(characters).sum();
    assert!(inline < INLINE_CHARACTERS, "{inline}");
    let managed = &deployer["Resources"]["Deployer"]["Properties"]["PolicyDocument"];
    let managed = characters(managed);
    assert!(managed < MANAGED_CHARACTERS, "{managed}");
}
