"""A server's texts as a log has them whose locale has no letters for them. Pure.

Where LC_CTYPE is C, glibc respells what ASCII lacks (source: its locale/C-translit.h.in), and writes a question mark
for what it has no spelling for; an older one has none for Cyrillic. What is left of a text may be little, so that a
message must be like it from its beginning to its end.
"""

import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from pgheadroom.model.refusal import RefusedBy
from pgheadroom.model.turned_away import Reason
from pgheadroom.postgres import translated
from pgheadroom.postgres.server_log import translated_logins
from pgheadroom.postgres.server_log.severities import LOST, SURE

LEAST_SAID = 11
"""Letters and question marks of a text without a name, from which on it is believed where no SQLSTATE says as much:
in Chinese other reasons to end a session are as short."""
_MARKS = {"«": "<<", "»": ">>", "“": '"', "”": '"', "„": ",,", "’": "'", "‘": "'", "，": ",", "ß": "ss", "æ": "ae"}
_LATIN = "a b v g d e zh z i j k l m n o p r s t u f x cz ch sh shh `` y` ` e` yu ya yo i yi ye g`"
_SMALL = dict(zip("абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґ", _LATIN.split(" "), strict=True))
_CYRILLIC = _SMALL | {letter.upper(): told.upper() for letter, told in _SMALL.items()}
_WHOLE: dict[RefusedBy, tuple[str, ...]] = {
    RefusedBy.SERVER: (
        "désolé, trop de clients sont déjà connectés",
        "spiacente, troppi client già connessi",
        "spiacenti, troppi client già connessi",
        "現在クライアント数が多すぎます",
        "უკაცრავად, უკვე მეტისმეტად ბევრი კლიენტია",
        "최대 동시 접속자 수를 초과했습니다",
        "извините, уже слишком много клиентов",
        "ledsen, för många klienter",
        "вибачте, вже забагато клієнтів",
        "对不起, 已经有太多的客户",
        "przepraszamy, mamy już zbyt wiele klientów",
        "üzgünüm, istemci sayısı çok fazla",
        "客户端连接过多",
        "抱歉，客戶端過多",
    ),
    RefusedBy.SUPERUSER_RESERVE: (
        "die verbleibenden Verbindungen sind für Superuser auf Nicht-Replikationsverbindungen reserviert",
        "las conexiones restantes están reservadas a superusuarios y no de replicación",
        "les emplacements de connexions restants sont réservés pour les connexions",
        "残りの接続スロットはレプリケーションユーザーではないスーパーユーザー用に予約されています",
        "남은 연결 슬롯은 non-replication 슈퍼유저 연결용으로 남겨 놓았음",
        "оставшиеся слоты подключений зарезервированы для подключений суперпользователя (не для репликации)",
        "resterande anslutningsslottar är reserverade för superuser-anslutningar utan replikering",
        "слоти підключень, які залишились, зарезервовані для підключень суперкористувача (не для реплікації)",
        "已保留的连接位置为执行非复制请求的超级用户预留",
        "pozostałe gniazda połączeń są zarezerwowane dla niereplikacyjnych połączeń superużytkowników",
        "kalan bağlantı sayısı, replikasyon dışındaki superuser bağlantıları için ayrıldı",
    ),
}
"""Whole messages, where `translated` has their telling part only and ASCII lacks a letter of them."""


class Told(NamedTuple):
    """A text as it may stand in a log.

    Attributes:
        before, after: What is before the name in it, and behind; `after` is None where it has no name.
        severity: What its language makes of FATAL where nothing but question marks is left of that; else empty.
    """

    reason: Reason
    before: str
    after: str | None
    severity: str

    def name(self, message: str) -> str | None:
        """The name in a message that is this text, empty where the text has none; None where it is another."""
        if self.after is None:
            return "" if message == self.before else None
        if not (message.startswith(self.before) and message.endswith(self.after)):
            return None
        return message[len(self.before) : len(message) - len(self.after)].strip() or None


def spellings(text: str) -> list[str]:
    """How a text may be written in ASCII, if it has other letters: by glibc, by an older one, by no rule at all."""
    if text.isascii():
        return []
    text = bare(text)
    ways: tuple[dict[str, str], ...] = (_CYRILLIC | _MARKS, _MARKS, {})
    return list(dict.fromkeys("".join(way.get(one, _lost(one)) for one in text) for way in ways))


def _lost(letter: str) -> str:
    return letter if letter.isascii() else "?"


def bare(text: str) -> str:
    """With single blanks and no full stop."""
    return " ".join(text.split()).rstrip(". ")


def meaning(message: str, severity: str, *, room_only: bool) -> tuple[Reason, str] | None:
    """What a respelled message says, and the name in it.

    Args:
        severity: Of its record. One of question marks goes with texts of its own language only.
        room_only: Its SQLSTATE says that there was no room.
    """
    said = bare(message)
    for told in _told():
        if (name := told.name(said)) is None:
            continue
        if told.reason.no_room if room_only else _says_enough(told) and severity in (told.severity, *SURE):
            return told.reason, name
    return None


def _says_enough(told: Told) -> bool:
    return told.after is not None or sum(one.isalpha() or one == "?" for one in told.before) >= LEAST_SAID


def texts() -> Iterator[tuple[str, Reason]]:
    """Whole messages that ASCII lacks letters for, with `{name}` where one stands."""
    limits = {limit: translated.texts_of(limit) for limit in (RefusedBy.ROLE, RefusedBy.DATABASE)} | _WHOLE
    everything = [(text, Reason.of(limit)) for limit, texts in limits.items() for text in texts]
    everything += translated_logins.named()
    return (one for one in everything if not one[0].isascii())


@cache
def _told() -> tuple[Told, ...]:
    found = []
    for text, reason in texts():
        lost = _severity(text)
        for spelling in spellings(text):
            before, named, after = spelling.partition("{name}")
            behind = after.lstrip() if named else None
            found.append(Told(reason, before.rstrip() if named else before, behind, lost))
    return tuple(found)


def _severity(text: str) -> str:
    """Japanese servers say FATAL, so that kana tells them from Chinese ones."""
    scripts = {unicodedata.name(one).split()[0] for one in text if one.isalpha() and not one.isascii()}
    if scripts & {"HIRAGANA", "KATAKANA"}:
        return ""
    return next((LOST[script] for script in LOST if script in scripts), "")
