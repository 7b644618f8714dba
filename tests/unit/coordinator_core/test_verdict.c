#include "coordinator/core/verdict.h"
#include "tests/unit/coordinator_core/stage.h"

/* A verdict follows from the attempts alone. */

/* P passed  F failed  E error  S skipped  X xfail  U xpass  C crashed  T timed out
 * a..d: lost on that agent;  p, f: the same as P and F, but late */
static enum verdict verdict_of_letters(const char *letters, const struct verdict_policy *policy)
{
    static const struct {
        char letter;
        enum outcome outcome;
        enum attempt_use use;
    } meanings[] = {
        {'P', OUTCOME_PASSED, ATTEMPT_COUNTED},  {'F', OUTCOME_FAILED, ATTEMPT_COUNTED},
        {'E', OUTCOME_ERROR, ATTEMPT_COUNTED},   {'S', OUTCOME_SKIPPED, ATTEMPT_COUNTED},
        {'X', OUTCOME_XFAIL, ATTEMPT_COUNTED},   {'U', OUTCOME_XPASS, ATTEMPT_COUNTED},
        {'C', OUTCOME_CRASHED, ATTEMPT_COUNTED}, {'T', OUTCOME_TIMED_OUT, ATTEMPT_COUNTED},
        {'a', OUTCOME_LOST, ATTEMPT_LOST},       {'b', OUTCOME_LOST, ATTEMPT_LOST},
        {'c', OUTCOME_LOST, ATTEMPT_LOST},       {'p', OUTCOME_PASSED, ATTEMPT_LATE},
        {'f', OUTCOME_FAILED, ATTEMPT_LATE},
    };
    static const char *const agents[] = {"a", "b", "c"};
    struct attempt attempts[16] = {0};
    size_t count = 0;

    for (const char *letter = letters; *letter != '\0'; letter++) {
        size_t i = 0;

        while (meanings[i].letter != *letter)
            cr_assert_lt(++i, COUNT_OF(meanings));
        attempts[count] = (struct attempt){
            .outcome = (uint8_t)meanings[i].outcome, .use = (uint8_t)meanings[i].use, .agent = "z"};
        if (*letter >= 'a' && *letter <= 'c')
            attempts[count].agent = agents[*letter - 'a'];
        if (count > 0)
            attempts[count - 1].next = &attempts[count];
        count++;
    }
    return verdict_of(count > 0 ? attempts : NULL, policy);
}

Test(verdict, follows_from_the_attempts_and_the_policy)
{
    static const struct {
        const char *attempts;
        int64_t retries, crashes;
        bool may_retry;
        enum verdict verdict;
    } cases[] = {
        {"", 0, 2, true, VERDICT_NONE},
        {"P", 0, 2, true, VERDICT_PASSED},
        {"X", 0, 2, true, VERDICT_PASSED},
        {"S", 0, 2, true, VERDICT_SKIPPED},
        {"F", 0, 2, true, VERDICT_FAILED},
        {"U", 0, 2, true, VERDICT_FAILED},
        {"E", 0, 2, true, VERDICT_ERROR},
        {"T", 0, 2, true, VERDICT_TIMED_OUT},
        /* retries */
        {"F", 1, 2, true, VERDICT_NONE},
        {"U", 1, 2, true, VERDICT_NONE},
        {"E", 1, 2, true, VERDICT_NONE},
        {"T", 1, 2, true, VERDICT_NONE},
        {"F", 1, 2, false, VERDICT_FAILED},
        {"FF", 1, 2, true, VERDICT_FAILED},
        {"FE", 1, 2, true, VERDICT_ERROR},
        {"FF", 2, 2, true, VERDICT_NONE},
        {"FP", 1, 2, true, VERDICT_FLAKY},
        {"FX", 1, 2, true, VERDICT_FLAKY},
        {"TP", 1, 2, true, VERDICT_FLAKY},
        {"FS", 1, 2, true, VERDICT_FAILED},
        /* crashes are not retries */
        {"C", 0, 2, true, VERDICT_NONE},
        {"C", 0, 2, false, VERDICT_NONE},
        {"C", 0, 1, true, VERDICT_CRASHED},
        {"CC", 0, 2, true, VERDICT_CRASHED},
        {"CC", 5, 3, true, VERDICT_NONE},
        {"CP", 0, 2, true, VERDICT_FLAKY},
        {"CF", 0, 2, true, VERDICT_FAILED},
        {"CFC", 1, 2, true, VERDICT_CRASHED},
        {"CF", 1, 2, true, VERDICT_NONE},
        {"CS", 0, 2, true, VERDICT_CRASHED},
        /* lost charges nothing, until three agents or ten times */
        {"a", 0, 2, true, VERDICT_NONE},
        {"ab", 0, 2, true, VERDICT_NONE},
        {"abab", 0, 2, true, VERDICT_NONE},
        {"abc", 0, 2, true, VERDICT_CRASHED},
        {"aaaaaaaaa", 0, 2, true, VERDICT_NONE},
        {"aaaaaaaaaa", 0, 2, true, VERDICT_CRASHED},
        {"abP", 0, 2, true, VERDICT_PASSED},
        {"aF", 0, 2, true, VERDICT_FAILED},
        {"aF", 1, 2, true, VERDICT_NONE},
        {"Fabc", 1, 2, true, VERDICT_CRASHED},
        {"Fabc", 1, 2, false, VERDICT_CRASHED},
        /* late says nothing */
        {"p", 0, 2, true, VERDICT_NONE},
        {"f", 0, 2, true, VERDICT_NONE},
        {"Pf", 0, 2, true, VERDICT_PASSED},
        {"Fp", 0, 2, true, VERDICT_FAILED},
        {"fP", 0, 2, true, VERDICT_PASSED},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct verdict_policy policy = {cases[i].retries, cases[i].crashes, cases[i].may_retry};

        cr_assert_eq(verdict_of_letters(cases[i].attempts, &policy), cases[i].verdict,
                     "case %zu: '%s' retries %d", i, cases[i].attempts, (int)cases[i].retries);
    }
}

Test(verdict, of_an_extra_is_its_only_attempt)
{
    struct suite_retries retries = {.test = 3, .crash = 5};
    struct verdict_policy policy = verdict_policy_of(&retries, true, true);

    cr_assert_eq(verdict_of_letters("E", &policy), VERDICT_ERROR);
    cr_assert_eq(verdict_of_letters("C", &policy), VERDICT_CRASHED);
}

Test(verdict, has_a_crash_limit_of_at_least_one)
{
    struct suite_retries retries = {.crash = 0};
    struct verdict_policy policy = verdict_policy_of(&retries, false, true);

    cr_assert_eq(verdict_of_letters("C", &policy), VERDICT_CRASHED);
}
