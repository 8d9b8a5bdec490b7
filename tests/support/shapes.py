"""The type checker under which the tests run formulas: beartype, with integers where floats are asked for."""

from beartype import BeartypeConf, beartype

checker = beartype(conf=BeartypeConf(is_pep484_tower=True))
