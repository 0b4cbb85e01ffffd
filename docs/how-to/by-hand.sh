#!/bin/sh
# A whole PrivateLink over two accounts, by the AWS CLI alone: made, accepted, used, deleted in the order AWS asks for.
#
# It needs two AWS profiles, `provider` and `consumer`, and python3 to pack a zip. `plinkctl sandbox start` gives them:
#
#     eval "$(plinkctl sandbox env)"
#     sh by-hand.sh
#
# The last line says "Nothing is left." when all went well. It stops at the first thing that does not.
set -eu

NAME=${NAME:-by-hand}
PATIENCE=${PATIENCE:-600} # tries, about a second each, of everything AWS has no waiter for
export AWS_PAGER="" AWS_DEFAULT_OUTPUT=text

provider() { aws --profile provider "$@"; }
consumer() { aws --profile consumer "$@"; }
say() { echo "== $*" >&2; }

# until_true CONDITION...: try a command until it succeeds. Its complaints are shown only when patience has run out.
until_true() {
    tries=0
    until heard=$("$@" 2>&1); do
        tries=$((tries + 1))
        [ "$tries" -lt "$PATIENCE" ] || { echo "gave up: $* says: $heard" >&2; exit 1; }
        sleep 1
    done
}

tagged() { echo "ResourceType=$1,Tags=[{Key=Name,Value=$NAME}]"; }
named() { echo "Name=tag:Name,Values=$NAME"; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

provider_id=$(provider sts get-caller-identity --query Account)
consumer_id=$(consumer sts get-caller-identity --query Account)
say "provider $provider_id, consumer $consumer_id"
# Zone names mean different places in different accounts; zone IDs do not.
zones=$(provider ec2 describe-availability-zones --filters Name=zone-type,Values=availability-zone \
    --query 'sort(AvailabilityZones[].ZoneId)[:2]')

# ------------------------------------------------------------------------------------------ the provider's side

# network SIDE BLOCK: a VPC and a subnet in each of the two zones; sets vpc and subnets.
network() {
    vpc=$("$1" ec2 create-vpc --cidr-block "$2.0.0/16" --tag-specifications "$(tagged vpc)" --query Vpc.VpcId)
    "$1" ec2 wait vpc-available --vpc-ids "$vpc"
    "$1" ec2 modify-vpc-attribute --vpc-id "$vpc" --enable-dns-hostnames Value=true
    subnets="" number=0
    for zone in $zones; do
        subnet=$("$1" ec2 create-subnet --vpc-id "$vpc" --cidr-block "$2.$number.0/24" --availability-zone-id "$zone" \
            --tag-specifications "$(tagged subnet)" --query Subnet.SubnetId)
        subnets="$subnets $subnet" number=$((number + 1))
    done
    # shellcheck disable=SC2086 # the subnets are several words on purpose, here and below
    "$1" ec2 wait subnet-available --subnet-ids $subnets
}

say "the provider's network"
network provider 10.1
provider_vpc=$vpc provider_subnets=$subnets
alb_group=$(provider ec2 create-security-group --group-name "$NAME-alb" --description "HTTP from the NLB" \
    --vpc-id "$provider_vpc" --tag-specifications "$(tagged security-group)" --query GroupId)
provider ec2 authorize-security-group-ingress --group-id "$alb_group" --protocol tcp --port 80 --cidr 10.1.0.0/16 \
    > "$work/rule"

say "an ALB that answers"
alb=$(provider elbv2 create-load-balancer --name "$NAME-alb" --type application --scheme internal \
    --subnets $provider_subnets --security-groups "$alb_group" --query 'LoadBalancers[0].LoadBalancerArn')
provider elbv2 wait load-balancer-available --load-balancer-arns "$alb"
alb_listener=$(provider elbv2 create-listener --load-balancer-arn "$alb" --protocol HTTP --port 80 \
    --default-actions '[{"Type": "fixed-response", "FixedResponseConfig":
        {"StatusCode": "200", "ContentType": "text/plain", "MessageBody": "Hello from ALB!"}}]' \
    --query 'Listeners[0].ListenerArn')

say "an NLB in front of it"
group=$(provider elbv2 create-target-group --name "$NAME-alb" --target-type alb --protocol TCP --port 80 \
    --vpc-id "$provider_vpc" --health-check-protocol HTTP --query 'TargetGroups[0].TargetGroupArn')
provider elbv2 register-targets --target-group-arn "$group" --targets "Id=$alb,Port=80"
nlb=$(provider elbv2 create-load-balancer --name "$NAME-nlb" --type network --scheme internal \
    --subnets $provider_subnets --query 'LoadBalancers[0].LoadBalancerArn')
provider elbv2 wait load-balancer-available --load-balancer-arns "$nlb"
nlb_listener=$(provider elbv2 create-listener --load-balancer-arn "$nlb" --protocol TCP --port 80 \
    --default-actions "Type=forward,TargetGroupArn=$group" --query 'Listeners[0].ListenerArn')
provider elbv2 wait target-in-service --target-group-arn "$group"

say "the endpoint service"
service=$(provider ec2 create-vpc-endpoint-service-configuration --network-load-balancer-arns "$nlb" \
    --acceptance-required --tag-specifications "$(tagged vpc-endpoint-service)" \
    --query ServiceConfiguration.ServiceId)
service_name=$(provider ec2 describe-vpc-endpoint-service-configurations --service-ids "$service" \
    --query 'ServiceConfigurations[0].ServiceName')
provider ec2 modify-vpc-endpoint-service-permissions --service-id "$service" \
    --add-allowed-principals "arn:aws:iam::$consumer_id:root" > "$work/principal"

# ------------------------------------------------------------------------------------------ the consumer's side

say "the consumer's network"
network consumer 10.2
consumer_vpc=$vpc consumer_subnets=$subnets
function_group=$(consumer ec2 create-security-group --group-name "$NAME-function" --description "the function" \
    --vpc-id "$consumer_vpc" --tag-specifications "$(tagged security-group)" --query GroupId)
endpoint_group=$(consumer ec2 create-security-group --group-name "$NAME-endpoint" --description "the endpoint" \
    --vpc-id "$consumer_vpc" --tag-specifications "$(tagged security-group)" --query GroupId)
consumer ec2 authorize-security-group-ingress --group-id "$endpoint_group" --protocol tcp --port 80 \
    --source-group "$function_group" > "$work/rule"

say "an endpoint for $service_name"
# A permission takes a moment to arrive at the consumer, and a new service takes no endpoint at once.
until_true consumer ec2 describe-vpc-endpoint-services --service-names "$service_name"
connect() {
    consumer ec2 create-vpc-endpoint --vpc-endpoint-type Interface --vpc-id "$consumer_vpc" \
        --service-name "$service_name" --subnet-ids $consumer_subnets --security-group-ids "$endpoint_group" \
        --client-token "$NAME-$service" --tag-specifications "$(tagged vpc-endpoint)" \
        --query VpcEndpoint.VpcEndpointId
}
until_true connect
endpoint=$heard

endpoint_is() {
    state=$(consumer ec2 describe-vpc-endpoints --vpc-endpoint-ids "$endpoint" --query 'VpcEndpoints[0].State')
    echo "$endpoint is $state"
    [ "$(echo "$state" | tr '[:upper:]' '[:lower:]')" = "$1" ]
}
waiting() {
    [ "$(provider ec2 describe-vpc-endpoint-connections --filters "Name=service-id,Values=$service" \
        --query 'VpcEndpointConnections[].VpcEndpointId')" = "$endpoint" ]
}
say "accepting $endpoint"
until_true endpoint_is pendingacceptance
until_true waiting
refused=$(provider ec2 accept-vpc-endpoint-connections --service-id "$service" --vpc-endpoint-ids "$endpoint" \
    --query 'length(Unsuccessful)')
[ "$refused" = 0 ]
until_true endpoint_is available
address=$(consumer ec2 describe-vpc-endpoints --vpc-endpoint-ids "$endpoint" \
    --query 'VpcEndpoints[0].DnsEntries[0].DnsName')

say "a function in the consumer's VPC"
role=$(consumer iam create-role --role-name "$NAME" --query Role.Arn --assume-role-policy-document '{
    "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
    "Principal": {"Service": "lambda.amazonaws.com"}}]}')
consumer iam wait role-exists --role-name "$NAME"
policy=arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole
consumer iam attach-role-policy --role-name "$NAME" --policy-arn "$policy"
consumer logs create-log-group --log-group-name "/aws/lambda/$NAME"
cat > "$work/index.py" <<'PYTHON'
import os
import urllib.request


def handler(event, context):
    with urllib.request.urlopen(os.environ["URL"], timeout=5) as response:
        return {"statusCode": response.status, "body": response.read().decode()}
PYTHON
(cd "$work" && python3 -m zipfile -c probe.zip index.py)
# A new role cannot be assumed at once.
create_function() {
    consumer lambda create-function --function-name "$NAME" --runtime python3.12 --handler index.handler \
        --role "$role" --zip-file "fileb://$work/probe.zip" --timeout 10 \
        --environment "Variables={URL=http://$address/}" \
        --vpc-config "SubnetIds=$(echo $consumer_subnets | tr ' ' ,),SecurityGroupIds=$function_group" \
        --query FunctionArn
}
until_true create_function
consumer lambda wait function-active-v2 --function-name "$NAME"

say "asking for http://$address/"
consumer lambda invoke --function-name "$NAME" "$work/answer" > "$work/invoked"
cat "$work/answer"
echo
grep -q "Hello from ALB!" "$work/answer"

# -------------------------------------------------------------------------------- and away, the consumer's first

say "deleting the consumer's side"
consumer lambda delete-function --function-name "$NAME" > "$work/deleted"
consumer iam detach-role-policy --role-name "$NAME" --policy-arn "$policy"
refused=$(consumer ec2 delete-vpc-endpoints --vpc-endpoint-ids "$endpoint" --query 'length(Unsuccessful)')
[ "$refused" = 0 ]
endpoint_gone() {
    left=$(consumer ec2 describe-vpc-endpoints --filters "$(named)" "Name=vpc-id,Values=$consumer_vpc" \
        --query "length(VpcEndpoints[?State!='deleted'])")
    echo "$left endpoints left"
    [ "$left" = 0 ]
}
until_true endpoint_gone
# Interfaces outlive what they belonged to, a function's by up to twenty minutes; until then these are refused.
until_true consumer ec2 delete-security-group --group-id "$endpoint_group"
until_true consumer ec2 delete-security-group --group-id "$function_group"
for subnet in $consumer_subnets; do until_true consumer ec2 delete-subnet --subnet-id "$subnet"; done
until_true consumer ec2 delete-vpc --vpc-id "$consumer_vpc"
consumer iam delete-role --role-name "$NAME"
consumer logs delete-log-group --log-group-name "/aws/lambda/$NAME"

say "deleting the provider's side"
delete_service() {
    [ "$(provider ec2 delete-vpc-endpoint-service-configurations --service-ids "$service" \
        --query 'length(Unsuccessful)')" = 0 ]
}
until_true delete_service
provider elbv2 delete-listener --listener-arn "$nlb_listener"
# The service holds its load balancer a little longer than it is seen.
until_true provider elbv2 delete-load-balancer --load-balancer-arn "$nlb"
provider elbv2 wait load-balancers-deleted --load-balancer-arns "$nlb"
until_true provider elbv2 delete-target-group --target-group-arn "$group"
provider elbv2 delete-listener --listener-arn "$alb_listener"
until_true provider elbv2 delete-load-balancer --load-balancer-arn "$alb"
provider elbv2 wait load-balancers-deleted --load-balancer-arns "$alb"
until_true provider ec2 delete-security-group --group-id "$alb_group"
for subnet in $provider_subnets; do until_true provider ec2 delete-subnet --subnet-id "$subnet"; done
until_true provider ec2 delete-vpc --vpc-id "$provider_vpc"

say "looking for anything left"
for side in provider consumer; do
    # A tag is listed as long as its resource is.
    for kind in vpc subnet security-group vpc-endpoint-service; do
        left=$("$side" ec2 describe-tags --filters Name=key,Values=Name "Name=value,Values=$NAME" \
            "Name=resource-type,Values=$kind" --query 'Tags[].ResourceId')
        [ -z "$left" ] || { echo "left at the $side: $left" >&2; exit 1; }
    done
    left=$("$side" elbv2 describe-load-balancers --query "LoadBalancers[?starts_with(LoadBalancerName, '$NAME-')]")
    [ -z "$left" ] || { echo "left at the $side: $left" >&2; exit 1; }
done
left=$(consumer lambda list-functions --query "Functions[?FunctionName=='$NAME'].FunctionArn")
[ -z "$left" ] || { echo "left at the consumer: $left" >&2; exit 1; }
echo "Nothing is left."
