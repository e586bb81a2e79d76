"""Logit lens: which language can be read off each layer, the pivot of a pair, and failures of the last hop."""

from ._language_lens import language_lens
from ._lens_result import LanguageLens
from ._pivot import pivot
from ._translation_barrier import translation_barrier

__all__ = ["LanguageLens", "language_lens", "pivot", "translation_barrier"]
