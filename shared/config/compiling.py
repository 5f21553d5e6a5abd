"""Turns a sync's settings into a policy that is ready to run."""

import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from shared.contract.app import Binding
from shared.contract.people import People
from shared.engine.matching import Identity, Rule
from shared.engine.merging import NO_PARTS, Choice, Edited, Flow, InvalidValue, Part
from shared.engine.policies import Identified, Policy, SidePolicy
from shared.model.fields import FieldInfo, link_name
from shared.model.mapping import FieldMapping
from shared.model.records import LONGEST, SIDES, Fields, Side, TooLong, Value, goes_to, opposite
from shared.model.sides import BySide
from shared.model.syncs import AssociationMapping, Connection, Sync, SyncSettings
from shared.objects import OBJECTS, ObjectType
from shared.objects.base import TypeRules
from shared.objects.roles import playing
from shared.rules import match_rules
from shared.rules.conflict_policies import POLICIES, Conflict
from shared.rules.identifiers import person_name, texts
from shared.rules.lenses import LENS, LensContext
from shared.rules.money import NO_MONEY, Kept, Money
from shared.rules.tables import NO_TABLE, of_people, of_values

NOBODY: Final[Mapping[str, People]] = MappingProxyType({})
Names: TypeAlias = tuple[str, ...]
BindingOf: TypeAlias = Callable[[str, str], Binding]
"""(connection, object) to how its app holds it; raises KeyError where there is none."""
Infos: TypeAlias = BySide[Mapping[str, FieldInfo]]
Recognise: TypeAlias = Callable[[tuple[Value | None, ...]], Identified]


def compile_policy(
    sync: Sync,
    connections: Mapping[str, Connection],
    binding_of: BindingOf,
    *,
    live: bool,
    people: Mapping[str, People] = NOBODY,
) -> Policy:
    """Look everything up once; raises KeyError when the settings name what does not exist."""
    ends = BySide.of(sync.side)
    bindings = ends.map(lambda end: binding_of(end.connection, end.object))
    type_ = type_of(sync, bindings)
    rules = _rules(type_, sync)
    strange = {role for end in ends for role in end.roles if role not in type_.roles}
    if strange:
        raise KeyError(", ".join(sorted(strange)))
    accounts = ends.map(lambda end: connections[end.connection])
    persons = accounts.map(lambda account: people.get(account.id))
    infos = bindings.map(lambda binding: {info.name: info for info in binding.fields})
    return Policy(
        sync=sync.id,
        setup=sync.version,
        enabled=sync.enabled,
        live=live,
        sides=BySide.of(lambda side: _side(sync, side, accounts[side], bindings[side], type_, rules)),
        rules=tuple(
            _rule(sync, mapping, _context(mapping, accounts, persons, infos), infos) for mapping in sync.mappings
        ),
        match=_match_rule(sync, type_, rules),
        match_settings=sync.match,
        associations=tuple(_association(sync, row, bindings) for row in sync.associations),
    )


def _context(
    mapping: FieldMapping, accounts: BySide[Connection], people: BySide[People | None], infos: Infos
) -> LensContext:
    """Return what the values of a mapping mean beyond themselves."""
    table = of_values(mapping) if mapping.lens in ("table", "set_table") else NO_TABLE
    if mapping.lens == "owner":
        table = of_people(mapping, people)
    money = NO_MONEY
    if mapping.lens == "money":
        money = Money(BySide.of(lambda side: _kept(mapping, side, accounts[side], infos)))
    country = accounts.left.country or accounts.right.country
    return LensContext(country=country, zone=_zone(mapping, accounts), table=table, money=money)


def _kept(mapping: FieldMapping, side: Side, connection: Connection, infos: Infos) -> Kept:
    amount, *currency = mapping.fields(side)
    info = infos[side].get(amount)
    return Kept(scale=info.scale if info is not None else None, currency=connection.own_currency, fixed=not currency)


def _parts(mapping: FieldMapping, context: LensContext) -> BySide[tuple[Part, ...]]:
    """Return what belongs to the values of a mapping besides their fields."""
    if mapping.lens != "money":
        return NO_PARTS
    defaults = context.money.kept.map(lambda kept: kept.currency)
    return BySide.of(lambda side: (Part(field=mapping.currency(side), default=defaults[side]),))


def type_of(sync: SyncSettings, bindings: BySide[Binding]) -> ObjectType[Any]:
    """Return the type whose rules both ends of a sync follow; raises KeyError when they are no one type."""
    left, right = (sync.side(side).type or binding.type for side, binding in bindings.items())
    if left != right:
        raise KeyError(f"{left} and {right}")
    return OBJECTS[left]


def _rules(type_: ObjectType[Any], sync: Sync) -> TypeRules:
    try:
        found: TypeRules = type_.read_rules(sync.rules)
    except ValueError as error:
        raise KeyError(str(error)) from error
    return found


def _zone(mapping: FieldMapping, accounts: BySide[Connection]) -> str:
    """Return the zone that the mapping names, else the one of the account that holds the time."""
    return mapping.zone or (accounts.right if mapping.lens == "date_datetime" else accounts.left).zone


def _match_rule(sync: Sync, type_: ObjectType[Any], rules: TypeRules) -> Rule:
    if sync.match.mode == "none":
        return match_rules.NONE
    return match_rules.BY_KEY if sync.match.mode == "fields" else type_.matched_by(rules)


def _side(
    sync: Sync, side: Side, connection: Connection, binding: Binding, type_: ObjectType[Any], rules: TypeRules
) -> SidePolicy:
    target_of_other = goes_to(sync.direction, side)
    create = sync.create.allows(side)
    roles = sync.side(side).roles
    native = playing(binding.fields, roles)
    identifying = {name: native[name] for name in type_.identifiers if name in native}
    # Of one that is off, too: were its values not known when it is on again, an old one would pass for an edit.
    mapped = {name for mapping in sync.mappings for name in mapping.fields(side)}
    chosen = sync.match.field(side)
    if sync.match.mode == "fields":
        identifying = {**identifying, "": chosen}
    alone = tuple((info.name,) for info in binding.fields if info.required and info.creatable)
    return SidePolicy(
        connection=connection.id,
        object=binding.object,
        app=connection.app,
        ordered=binding.versions == "ordered",
        carries_markers=binding.create in ("marker", "client_id"),
        create=target_of_other and create and binding.create != "never",
        enters=goes_to(sync.direction, opposite(side)),
        fields=frozenset(mapped | {*identifying.values(), *roles.values()}),
        links=frozenset(row.named(side) for row in sync.associations) & {row.label for row in binding.associations},
        identifiers=frozenset(identifying.values()),
        required=(*alone, *binding.required_any),
        identify=_identifier(
            _recogniser(type_.name, tuple(identifying), sync.match.mode, rules),
            tuple(identifying.values()),
        ),
        label=_labeller(type_, native),
    )


@lru_cache(maxsize=16)
def _recogniser(type_: str, names: Names, mode: str, rules: TypeRules) -> Recognise:
    """Make the function that says what canonical values are recognised by; it remembers its answers.

    Both sides of one type share what it remembers, and other settings of a sync, such as that it is live, leave it.
    """
    object_type = OBJECTS[type_]

    @lru_cache(maxsize=4096)
    def of(values: tuple[Value | None, ...]) -> Identified:
        canonical = dict(zip(names, values, strict=True))
        identity, reason = object_type.identify(canonical, rules)
        keys = object_type.keys(identity, rules)
        if mode == "fields":
            found = texts(canonical[""])
            key = person_name(found[0]) if found else None
            identity = Identity.model_construct(p=key or "", s=(), e=(), n="", c=())
            keys = (f"f:{key}",) if key else ()
        elif mode == "none":
            keys = ()
        identity = identity.model_copy(update={"x": bool(reason)})
        return Identified(identity=identity.model_dump_json(exclude_defaults=True), keys=keys, excluded=reason)

    return of


def _identifier(recognise: Recognise, natives: Names) -> Callable[[Fields], Identified]:
    """Make the function that says what a record is recognised by, out of the values of these fields."""

    def identify(fields: Fields) -> Identified:
        return recognise(tuple(map(fields.get, natives)))

    return identify


@lru_cache(maxsize=4096)
def read_identity(text: str) -> Identity:
    """Read an identity back from the links."""
    return Identity.model_validate_json(text) if text else Identity()


def _labeller(type_: ObjectType[Any], native: Mapping[str, str]) -> Callable[[Fields], str]:
    def label(fields: Fields) -> str:
        return type_.label({canonical: fields.get(name) for canonical, name in native.items()})

    return label


def _fitting(value: Value | None, info: FieldInfo | None) -> Value | None:
    """Return a value that a field takes; raises `InvalidValue` for a text that is too long, or a number too fine."""
    most = LONGEST if info is None or info.max_length is None else min(LONGEST, info.max_length)
    length = value.length if isinstance(value, TooLong) else max(map(len, texts(value)), default=0)
    if length > most:
        raise InvalidValue("too_long", f"the text has {length:,} characters, and at most {most:,} are taken")
    if info is not None and info.scale is not None and isinstance(value, str):
        decimals = len(value.partition(".")[2].rstrip("0"))
        if decimals > info.scale:
            raise InvalidValue(
                "invalid_value", f"at most {info.scale} decimals are taken, and the number has {decimals}"
            )
    return value


def _rule(sync: Sync, mapping: FieldMapping, context: LensContext, infos: Infos) -> Flow:
    lens = LENS[mapping.lens]
    left, right = (infos[side].get(mapping.field(side)) for side in SIDES)
    policy = POLICIES[mapping.policy]

    def choose(one: Value, other: Value, edited: Edited) -> Choice:
        return policy(Conflict(left=one, right=other, default=sync.default_app, edited=edited))

    def get(value: Value) -> Value | None:
        return _fitting(value if isinstance(value, TooLong) else lens.get(value, context), right)

    def put(value: Value, old: Value | None) -> Value | None:
        if isinstance(value, TooLong):
            return _fitting(value, left)
        return _fitting(lens.put(value, None if isinstance(old, TooLong) else old, context), left)

    def same(one: Value, other: Value) -> bool:
        if isinstance(one, TooLong) or isinstance(other, TooLong):
            return one == other
        return lens.same(one, other, context)

    def agree(one: Value, other: Value) -> bool:
        return lens.agree is not None and lens.agree(one, other, context)

    return Flow(
        key=mapping.key,
        names=BySide.of(mapping.field),
        get=get,
        put=put,
        same=same,
        writes=_writes(sync, mapping.direction),
        clears=mapping.clears,
        since=mapping.since,
        on=mapping.on,
        choose=choose,
        dated=mapping.policy == "most_recent",
        sensitive=mapping.sensitive,
        members=lens.members,
        agree=agree if lens.agree is not None else None,
        parts=_parts(mapping, context),
    )


def _writes(sync: Sync, direction: str) -> BySide[bool]:
    """Return to which sides values go that travel in a direction."""
    return BySide.of(lambda side: goes_to(sync.direction, side) and goes_to(direction, side))


def _association(sync: Sync, row: AssociationMapping, bindings: BySide[Binding]) -> Flow:
    """Compile an association: its values are pairs of another sync, several where both apps allow several."""
    ends = [end for side in SIDES for end in bindings[side].associations if end.label == row.named(side)]
    policy = POLICIES[row.policy]
    return Flow(
        key=link_name(row.label),
        names=BySide.of(row.named),
        get=_itself,
        put=_itself,
        same=operator.eq,
        writes=_writes(sync, row.direction),
        clears=row.clears,
        choose=lambda one, other, _edited: policy(Conflict(left=one, right=other, default=sync.default_app)),
        members=texts if ends and all(end.max_links != 1 for end in ends) else None,
        to=row.to,
        mutual=row.to == sync.id and bool(ends) and all(end.mutual for end in ends),
    )


def _itself(value: Value, _old: Value | None = None) -> Value:
    return value
