"""What the page says first: which model, on which data, and who has seen which pairs."""

from kdm.trajectories import Trajectories
from kdm.verification.evidence import Evidence
from kdm.verification.experiment import Experiment


def introduced(experiment: Experiment, evidence: Evidence) -> str:
    """The paragraph for a reader who did not run the verification."""
    subject, data = experiment.subject, experiment.data
    model = subject.description
    there, measured = data.manifest.heldout, evidence.heldout.n
    fitted = len(data) - there
    which = f"{there:,}" if measured == there else f"first {measured:,} of the {there:,}"
    sentences = [
        f"{model[:1].upper()}{model[1:]} {subject.history}.",
        f"The data are {len(data):,} pairs of {_origin(data)}; the baselines were fitted to {fitted:,} of them.",
        f"Every number below was measured on the {which} held-out pairs, or the part of them that it "
        f"names, or on {len(evidence.samples):,} samples from {'fresh' if evidence.fresh else 'held-out'} noise.",
    ]
    if not evidence.fresh:
        seen = "has seen" if experiment.training else "may have seen"
        sentences.append(
            f"The teacher is not at hand, so that the first claim compares samples with data that the model {seen}."
        )
    sentences += [
        f"Beside it stands “{other.name}”, {other.description}, which {other.history}." for other in experiment.beside
    ]
    return " ".join(sentences)


def _origin(data: Trajectories) -> str:
    solver = data.manifest.solver.get("error", {}).get("median")
    if data.teacher is None or solver is None:
        return f"trajectories imported from {data.manifest.source.get('file', 'elsewhere')}"
    of_class = f" of class {data.manifest.source['class']}" if "class" in data.manifest.source else ""
    return (
        f"the flow of the {data.teacher.kind} teacher{of_class}, whose solver has a measured median error of "
        f"{solver:.1e}"
    )
