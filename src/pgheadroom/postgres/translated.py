"""How PostgreSQL says in other languages that there is no room. Pure.

Source: the message catalogues of PostgreSQL 15 and 19 (src/backend/po/*.po), the parts that carry no name. A server
sends them when its `lc_messages` says so, and libpq passes on nothing else: no SQLSTATE.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import chain

from pgheadroom.model.refusal import RefusedBy

_WORDS: dict[RefusedBy, tuple[str, ...]] = {
    RefusedBy.SERVER: (
        "schon zu viele Verbindungen",
        "ya tenemos demasiados clientes",
        "trop de clients sont déjà connectés",
        "troppi client già connessi",
        "現在クライアント数が多すぎます",
        "უკვე მეტისმეტად ბევრი კლიენტია",
        "최대 동시 접속자 수를 초과했습니다",
        "уже слишком много клиентов",
        "ledsen, för många klienter",
        "вже забагато клієнтів",
        "已经有太多的客户",
        "terlalu banyak klien yang sudah ada",
        "troppi client già connessi",
        "mamy już zbyt wiele klientów",
        "muitos clientes conectados",
        "istemci sayısı çok fazla",
        "客户端连接过多",
        "客戶端過多",
    ),
    RefusedBy.SUPERUSER_RESERVE: (
        "die verbleibenden Verbindungen sind für Superuser",
        "las conexiones restantes están reservadas a superusuarios",
        "les emplacements de connexions restants sont réservés pour les connexions",
        "slot di connessione sono riservati a connessioni di superutenti",
        "残りの接続スロットはレプリケーションユーザーではないスーパーユーザー用",
        "남은 연결 슬롯은 non-replication 슈퍼유저",
        "оставшиеся слоты подключений зарезервированы для подключений суперпользователя",
        "anslutningsslottar är reserverade för superuser",
        "слоти підключень, які залишились, зарезервовані для підключень суперкористувача",
        "已保留的连接位置为执行非复制请求的超级用户预留",
        "slot koneksi yang tersisa dipakai untuk superuser",
        "gniazda połączeń są zarezerwowane dla niereplikacyjnych połączeń superużytkowników",
        "kalan bağlantı sayısı, replikasyon dışındaki superuser bağlantıları için ayrıldı",
    ),
    RefusedBy.ROLE: (
        "zu viele Verbindungen von Rolle »{name}«",
        "demasiadas conexiones para el rol «{name}»",
        "trop de connexions pour le rôle « {name} »",
        'troppe connessioni per il ruolo "{name}"',
        'ロール"{name}"からの接続が多すぎます',
        'მეტისმეტად ბევრი კავშირი როლისთვის "{name}"',
        '"{name}" 롤의 최대 동시 접속수를 초과했습니다',
        'слишком много подключений для роли "{name}"',
        'för många uppkopplingar för roll "{name}"',
        'занадто багато підключень для ролі "{name}"',
        '由角色"{name}"发起的连接太多了',
        "terlalu banyak koneksi untuk role « {name} »",
        'zbyt wiele połączeń dla roli "{name}"',
        'muitas conexões para role "{name}"',
        '"{name}" rol bağlantı sayısı aşılmıştır',
        '角色 "{name}" 的连接过多',
        '角色 "{name}" 的連線太多',
    ),
    RefusedBy.DATABASE: (
        "zu viele Verbindungen für Datenbank »{name}«",
        "demasiadas conexiones para la base de datos «{name}»",
        "trop de connexions pour la base de données « {name} »",
        'troppe connessioni al database "{name}"',
        'データベース"{name}"への接続が多すぎます',
        'ძალიან ბევრი კავშირი ბაზისთვის "{name}"',
        '"{name}" 데이터베이스 최대 접속수를 초과했습니다',
        'слишком много подключений к БД "{name}"',
        'för många uppkopplingar till databasen "{name}"',
        'занадто багато підключень до бази даних "{name}"',
        '到数据库 "{name}"的连接太多了',
        "terlalu banyak koneksi untuk database « {name} »",
        'troppe connessioni per il database "{name}"',
        'zbyt wiele połączeń do bazy "{name}"',
        'muitas conexões para banco de dados "{name}"',
        '"{name}" veritabanı bağlantı sayısı aşılmıştır',
        '数据库 "{name}" 的连接过多',
        '資料庫 "{name}" 的連線太多',
    ),
}


def pattern_of_words(words: str) -> re.Pattern[str]:
    """Finds a text, with a group `name` where it has `{name}`."""
    # French catalogues have spaces that do not break, and some have them only in some versions.
    return re.compile(
        r"\s?".join(re.escape(word) for word in words.split(" ")).replace(re.escape("{name}"), "(?P<name>.+?)")
    )


@cache
def patterns() -> tuple[tuple[re.Pattern[str], RefusedBy], ...]:
    """Each with a group `name` where the text carries one."""
    return tuple((pattern_of_words(words), limit) for limit, list_of_words in _WORDS.items() for words in list_of_words)


def texts_of(limit: RefusedBy) -> tuple[str, ...]:
    """Those for one limit."""
    return _WORDS[limit]


def texts() -> Iterator[str]:
    """All of them, with `{name}` where one stands."""
    return chain.from_iterable(_WORDS.values())
