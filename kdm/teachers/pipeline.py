"""Teachers that someone trained: image diffusion pipelines of the library diffusers, in a local folder.

`kdm.teachers.pipeline_folder` reads the folder, `kdm.teachers.preconditioning` turns what its network says into the
denoiser D(x, σ) of a state x = x₀ + σ ε, and all else is as for any teacher: its probability flow is integrated by
Heun's method on the EDM schedule, between the largest and the least noise level that the network was trained at. No
step of the scheduler itself is taken, and no noise is added.

The noise end is Gaussian, what samplers of such networks start from: N(0, (1 + σ_noise²) I) of variance-preserving
ones, N(0, σ_noise² I) of EDM. It is not p₀ * N(0, σ_noise² I): the laws of this teacher are not known, only its score.
So it has no density, and its data come from its flow alone.

The networks of classes are asked for one label a row, each class as often as any other. A network that was trained with
guidance counts a null class among them, mostly the last one, whose samples are those of all classes: open it with the
number of the others.

A configuration names the folder and the SHA-256 of its files; the folder of a teacher that is made from one is opened
when the denoiser is first needed, and must hold the same ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import torch
from torch import nn

from kdm.shapes import Float, Labels, Samples, Tensor
from kdm.teachers.base import NoisedLaw, Teacher, normal
from kdm.teachers.pipeline_folder import (
    PipelineError,
    class_names,
    digests,
    image_shape,
    network_in,
    number_of_classes,
    preconditioning_in,
    unet_configuration,
)
from kdm.teachers.preconditioning import Preconditioning


@dataclass(frozen=True, kw_only=True, eq=False)
class Pipeline(Teacher):
    """The probability flow of a pipeline's network.

    Attributes:
        folder: where the pipeline is.
        files: the SHA-256 of its weights and of its configurations, by their names in the folder.
        network: the class of its network.
        scheduler: the class of its schedule.
        image: channels, height and width.
        classes: how many its network is asked for, the first ones; 0 where it takes none.
        start: standard deviation of the states at the noise end.
        batch: rows that the network sees together; the result depends on it by rounding only.
        dtype: of the network; states are in single precision.
    """

    folder: str
    files: Mapping[str, str]
    network: str
    scheduler: str
    image: tuple[int, int, int]
    classes: int
    start: float
    batch: int = 256
    dtype: torch.dtype = torch.float32

    kind: ClassVar[str] = "pipeline"
    exact: ClassVar[bool] = False

    @classmethod
    def opened(
        cls, folder: str | Path, *, batch: int = 256, dtype: torch.dtype = torch.float32, classes: int | None = None
    ) -> "Pipeline":
        """The pipeline in a folder, between the noise levels of its schedule.

        Args:
            folder: where it is.
            batch: rows that the network sees together.
            dtype: of the network.
            classes: how many of the network's classes are asked for, the first ones; all of them unless given.

        Raises:
            PipelineError: if there is none, parts of it are missing, they are of a kind that is not known, or the
                network does not know so many classes.
            RuntimeError: if diffusers is not installed.
        """
        folder = Path(folder).resolve()
        names = class_names(folder)
        configuration = unet_configuration(folder)
        preconditioning = preconditioning_in(folder, names["scheduler"])
        noise, data = preconditioning.ends
        known = number_of_classes(configuration, folder)
        if classes is not None and not 1 <= classes <= known:
            raise PipelineError(f"expected 1 to {known} classes, which the network in '{folder}' takes, got {classes}.")
        made = cls(
            folder=str(folder), files=digests(folder), network=names["unet"], scheduler=names["scheduler"],
            image=image_shape(configuration, folder), classes=known if classes is None else classes,
            start=preconditioning.start, sigma_noise=noise, sigma_data=data, batch=batch, dtype=dtype,
        )  # fmt: skip
        made.loaded_on(torch.device("cpu"))  # what is wrong with its weights is said before anything is begun
        return made

    @property
    def noise_deviation(self) -> float:
        """That of the states from which samplers start."""
        return self.start

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one image."""
        return self.image

    @property
    def precision(self) -> torch.dtype:
        """Single."""
        return torch.float32

    @property
    def steps(self) -> int:
        """Few, for two evaluations of the network a step are what collecting waits for."""
        return 32

    @property
    def together(self) -> int:
        """One batch."""
        return self.batch

    @property
    def number_of_labels(self) -> int:
        """How many classes can be asked for."""
        return self.classes

    @property
    def conditional(self) -> bool:
        """Whether the network takes classes."""
        return self.classes > 0

    def sample_conditions(self, n: int, *, generator: torch.Generator) -> Labels | None:
        """Classes, each as likely as any other; None where the network takes none."""
        if not self.conditional:
            return None
        return torch.randint(self.classes, (n,), generator=generator, device=generator.device)

    def given(self, labels: Labels | None) -> NoisedLaw:
        """The flow of rows with these labels.

        Raises:
            ValueError: if the network takes classes and there are no labels, or some that it does not know.
        """
        if not self.conditional:
            return self
        if labels is None:
            raise ValueError(f"expected a label below {self.classes} for each row, which the network takes, got none")
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < self.classes:
            raise ValueError(
                f"expected labels below {self.classes}, got {int(labels.min())} to {int(labels.max())}"
            )  # fmt: skip
        return _Asked(pipeline=self, labels=labels, sigma_noise=self.sigma_noise, sigma_data=self.sigma_data)

    def denoise(self, x: Samples, sigma: float) -> Samples:
        """D from what the network says.

        Raises:
            ValueError: if the network takes classes.
        """
        self.given(None)  # refused where labels are needed
        return self.denoised(x, sigma, None)

    def denoised(self, x: Samples, sigma: float, labels: Labels | None) -> Samples:
        """D of rows with these labels, in batches.

        Raises:
            PipelineError: if the folder does not hold the pipeline any more.
        """
        network, preconditioning = self.loaded_on(x.device)
        scale, time = preconditioning.scale(sigma), preconditioning.time(sigma)
        said = []
        for first in range(0, len(x), self.batch):
            part = (scale * x[first : first + self.batch]).to(self.dtype)
            times = torch.full((len(part),), time, device=x.device)
            some = None if labels is None else labels[first : first + self.batch].to(x.device)
            # A network that learned its variance, too, has it in as many channels again.
            said.append(network(part, times, class_labels=some).sample[:, : self.image[0]].to(x.dtype))
        return preconditioning.denoised(x, torch.cat(said), sigma)

    def velocity_jvp(
        self, x: Samples, sigma: float, tangents: Float[Tensor, "k n *shape"]
    ) -> tuple[Samples, Float[Tensor, "k n *shape"]]:
        """As of any law; the network is loaded before anything is differentiated, for it cannot be meanwhile."""
        self.loaded_on(x.device)
        return super().velocity_jvp(x, sigma, tangents)

    def loaded_on(self, device: torch.device) -> tuple[nn.Module, Preconditioning]:
        """The network on this device, and what it is asked.

        Raises:
            PipelineError: if the folder does not hold the pipeline any more.
        """
        network, preconditioning = self._loaded
        if next(network.parameters()).device != device:
            network.to(device)
        return network, preconditioning

    @cached_property
    def _loaded(self) -> tuple[nn.Module, Preconditioning]:
        folder = Path(self.folder)
        class_names(folder)
        if (found := digests(folder)) != dict(self.files):
            other = sorted(name for name in found.keys() | self.files.keys() if found.get(name) != self.files.get(name))
            raise PipelineError(
                f"'{folder}' is not the pipeline that this teacher was (it differs in {', '.join(other)}): "
                "bring that one back, or open this one as a new teacher."
            )
        return network_in(folder, dtype=self.dtype), preconditioning_in(folder, self.scheduler)

    def log_density(self, x: Samples, sigma: float) -> NoReturn:
        """Not known.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "expected a teacher with a known density, got a pipeline, which learned its score only: "
            "take one of the exact teachers, or leave out what needs the density"
        )

    def sample(self, n: int, *, sigma: float, generator: torch.Generator) -> Samples:
        """Samples of the noise end, N(0, start² I).

        Raises:
            NotImplementedError: at any other noise level.
        """
        if sigma != self.sigma_noise:
            raise NotImplementedError(
                f"expected σ = {self.sigma_noise:g}, the noise end of the pipeline, got {sigma:g}: its samples there "
                "come from its flow, `kdm.flows.integrate`"
            )
        return self.start * normal(n, *self.shape, generator=generator)

    def parameters(self) -> dict[str, Any]:
        """The folder, what is in it, and how it is evaluated."""
        return {
            "folder": self.folder, "files": dict(self.files), "network": self.network, "scheduler": self.scheduler,
            "image": list(self.image), "classes": self.classes, "start": self.start, "batch": self.batch,
            "dtype": str(self.dtype).removeprefix("torch."),
        }  # fmt: skip

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "Pipeline":
        """The pipeline with these parameters, not opened yet."""
        image, dtype = tuple(parameters["image"]), getattr(torch, parameters["dtype"])
        earlier = {"start": parameters["sigma_noise"]}  # before it was a parameter
        return cls(**{**earlier, **parameters, "image": image, "dtype": dtype})


@dataclass(frozen=True, kw_only=True, eq=False)
class _Asked(NoisedLaw):
    """A pipeline asked for one label a row."""

    pipeline: Pipeline
    labels: Labels

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one image."""
        return self.pipeline.shape

    def denoise(self, x: Samples, sigma: float) -> Samples:
        """D of these rows."""
        if len(x) != len(self.labels):
            raise ValueError(f"expected the {len(self.labels)} rows whose labels are given, got {len(x)}")
        return self.pipeline.denoised(x, sigma, self.labels)

    def velocity_jvp(
        self, x: Samples, sigma: float, tangents: Float[Tensor, "k n *shape"]
    ) -> tuple[Samples, Float[Tensor, "k n *shape"]]:
        """As of the pipeline."""
        self.pipeline.loaded_on(x.device)
        return super().velocity_jvp(x, sigma, tangents)

    def log_density(self, x: Samples, sigma: float) -> Float[Tensor, " n"]:
        """Not known."""
        return self.pipeline.log_density(x, sigma)

    def sample(self, n: int, *, sigma: float, generator: torch.Generator) -> Samples:
        """Samples of the noise end, which is the same for all labels."""
        return self.pipeline.sample(n, sigma=sigma, generator=generator)
