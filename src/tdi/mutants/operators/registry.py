"""All operators, the specific before the general: of two that make the same text, the first one made it."""

from tdi.mutants.operators.arguments import ARGUMENT_OPERATORS
from tdi.mutants.operators.conditions import CONDITION_OPERATORS
from tdi.mutants.operators.expressions import EXPRESSION_OPERATORS
from tdi.mutants.operators.files import FILE_OPERATORS
from tdi.mutants.operators.handlers import HANDLER_OPERATORS
from tdi.mutants.operators.meta import META_OPERATORS
from tdi.mutants.operators.operator import Operator
from tdi.mutants.operators.packages import PACKAGE_OPERATORS
from tdi.mutants.operators.services import SERVICE_OPERATORS
from tdi.mutants.operators.templates import TEMPLATE_OPERATORS
from tdi.mutants.operators.values import VALUE_OPERATORS
from tdi.mutants.operators.whole_tasks import DROP_TASK, WHOLE_TASKS

KINDS: dict[str, tuple[Operator, ...]] = {
    "Packages": PACKAGE_OPERATORS,
    "Services": SERVICE_OPERATORS,
    "Files and commands": FILE_OPERATORS,
    "Handlers": HANDLER_OPERATORS,
    "Whole tasks": WHOLE_TASKS,
    "Conditions and results": CONDITION_OPERATORS,
    "Arguments of any module": ARGUMENT_OPERATORS,
    "Defaults and variables": VALUE_OPERATORS,
    "What a role says of itself": META_OPERATORS,
    "Expressions": EXPRESSION_OPERATORS,
    "Templates and texts": TEMPLATE_OPERATORS,
    "Tasks that are gone": (DROP_TASK,),
}
"""The operators by what they work on."""

OPERATORS: dict[str, Operator] = {operator.name: operator for kind in KINDS.values() for operator in kind}
"""The operators by their names, in the same order."""
