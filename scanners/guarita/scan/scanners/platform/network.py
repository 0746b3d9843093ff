"""What is reached from outside, and what pods may reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from guarita.scan.scanners.platform.interface import Check, Fault, Thing, Tree, first, items, plain

ALB: Final = "alb.ingress.kubernetes.io/"
FIREWALLS: Final = (f"{ALB}wafv2-acl-arn", f"{ALB}waf-acl-id")
NGINX: Final = "nginx.ingress.kubernetes.io/enable-modsecurity"
CERTIFICATE: Final = "service.beta.kubernetes.io/aws-load-balancer-ssl-cert"


def tls(tree: Tree) -> Iterator[Fault]:
    for thing in tree.of("Ingress"):
        if not items(thing.at("spec", "tls")) and f"{ALB}certificate-arn" not in thing.annotations:
            yield Fault(thing, "it has no certificate")
    for thing in tree.of("Service"):
        if thing.at("spec", "type") == "LoadBalancer" and CERTIFICATE not in thing.annotations:
            yield Fault(thing, "the load balancer has no certificate")
    for thing in tree.of("Gateway"):
        for listener in items(thing.at("spec", "listeners")):
            if listener.get("protocol") not in {"HTTPS", "TLS"}:
                name = str(listener.get("name", ""))
                yield Fault(thing, f"the listener {name} speaks {listener.get('protocol')}", name)
    for thing in tree.of("aws_lb_listener", "aws_alb_listener"):
        action = first(thing.data.get("default_action")) or {}
        redirects = isinstance(action, dict) and first(action.get("type")) == "redirect"
        if first(thing.data.get("protocol")) not in {"HTTPS", "TLS"} and not redirects:
            yield Fault(thing, "it speaks no TLS and sends nobody to where it is spoken")


def firewall(tree: Tree) -> Iterator[Fault]:
    for thing in tree.of("Ingress"):
        behind = any(thing.annotations.get(name) for name in FIREWALLS)
        if not behind and str(thing.annotations.get(NGINX)).lower() != "true":
            yield Fault(thing, "no web application firewall stands before it")
    for thing in tree.of("aws_cloudfront_distribution"):
        if not first(thing.data.get("web_acl_id")):
            yield Fault(thing, "no web application firewall stands before it")
    associated = " ".join(
        str(thing.data.get("resource_arn")) for thing in tree.of("aws_wafv2_web_acl_association")
    )
    for thing in tree.of("aws_lb", "aws_alb"):
        network = first(thing.data.get("load_balancer_type")) == "network"
        if not network and thing.name not in associated:
            yield Fault(thing, "no web application firewall is associated with it")


def default_deny(tree: Tree) -> Iterator[Fault]:
    denied = {thing.namespace for thing in tree.of("NetworkPolicy") if _denies_all(thing)}
    seen = set(denied)
    for thing in tree.workloads:
        if thing.namespace not in seen:
            seen.add(thing.namespace)
            yield Fault(thing, f"nothing denies what no policy allows in the namespace {thing.namespace}")


def _denies_all(thing: Thing) -> bool:
    spec = thing.at("spec")
    if not isinstance(spec, dict) or plain(spec.get("podSelector")) != {}:
        return False
    types = spec.get("policyTypes")
    both = isinstance(types, list) and {"Ingress", "Egress"} <= set(map(str, types))
    return both and not spec.get("ingress") and not spec.get("egress")


CHECKS: dict[str, Check] = {
    "GUARITA_PLATFORM_11": tls,
    "GUARITA_PLATFORM_12": firewall,
    "GUARITA_PLATFORM_13": default_deny,
}
