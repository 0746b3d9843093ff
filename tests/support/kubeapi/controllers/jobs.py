"""Jobs: pods until enough of them have succeeded."""

from kubeapi.api import stamp
from kubeapi.resources import JOBS, PODS

from . import shared


def reconcile(controllers, job):
    api, spec, metadata = controllers.api, job["spec"], job["metadata"]
    if metadata.get("deletionTimestamp") or spec.get("suspend"):
        return
    pods = controllers.pods_of(job)
    succeeded = sum(pod["status"].get("phase") == "Succeeded" for pod in pods)
    failed = sum(pod["status"].get("phase") == "Failed" for pod in pods)
    active = [pod for pod in pods if shared.active(pod)]
    status = {**(job.get("status") or {})}
    over = shared.condition(status, "Complete") or shared.condition(status, "Failed")
    if not over:
        status.setdefault("startTime", stamp(api.clock()))
        if succeeded >= spec["completions"]:
            over = "Complete"
        elif failed > spec["backoffLimit"]:
            over = "Failed"
        else:
            for _ in range(min(spec["parallelism"], spec["completions"] - succeeded) - len(active)):
                labels = {"batch.kubernetes.io/job-name": metadata["name"], "job-name": metadata["name"]}
                pod = shared.pod_from(
                    spec["template"], job, generateName=f"{metadata['name']}-", labels=labels
                )
                active.append(api.create(PODS, metadata["namespace"], pod))
        if over:
            shared.set_condition(
                status, {"type": over, "status": "True", "reason": over, "message": ""}, api.clock()
            )
            if over == "Complete":
                status["completionTime"] = stamp(api.clock())
    for name, value in (("active", len(active)), ("succeeded", succeeded), ("failed", failed)):
        status.pop(name, None)
        if value:
            status[name] = value
    controllers.set_status(JOBS, job, status)
