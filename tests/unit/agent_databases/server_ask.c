#include "tests/unit/agent_databases/server_ask.h"

#include <libpq-fe.h>
#include <mysql.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

static int64_t ask_postgresql(const struct worker_database *database, const char *sql)
{
    CLEANUP(mem_freep)
    char *dsn =
        mem_printf("host=%s port=%lld user=%s password=%s dbname=%s", database->socket,
                   (long long)database->port, database->user, database->password, database->name);
    int64_t value = NO_ANSWER;
    PGconn *connection = PQconnectdb(dsn);
    PGresult *result = PQexec(connection, sql);

    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0)
        value = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    PQfinish(connection);
    return value;
}

static int64_t ask_mysql(const struct worker_database *database, const char *sql)
{
    int64_t value = NO_ANSWER;
    MYSQL *connection = mysql_init(NULL);

    if (mysql_real_connect(connection, NULL, database->user, database->password, database->name, 0,
                           database->socket, 0) != NULL &&
        mysql_query(connection, sql) == 0) {
        MYSQL_RES *result = mysql_store_result(connection);
        MYSQL_ROW row = result != NULL ? mysql_fetch_row(result) : NULL;
        if (row != NULL)
            value = strtoll(row[0], NULL, 10);
        mysql_free_result(result);
    }
    mysql_close(connection);
    return value;
}

int64_t server_ask(const struct worker_database *database, const char *sql)
{
    return strcmp(database->engine, "postgresql") == 0 ? ask_postgresql(database, sql)
                                                       : ask_mysql(database, sql);
}
