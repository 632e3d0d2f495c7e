/*
 * The table of signals (signal.h): SIGNAL(id, name, stage, default score, English, Chinese).
 * Included where the table is needed with SIGNAL defined; no #pragma once on purpose.
 */
/* clang-format off */
/* Sender authentication */
SIGNAL(SPF_PASS, "spf-pass", SIGNAL_MAIL, -0.1, "the sender's domain allows this address to send (SPF)", "发件人域授权该地址发信（SPF）")
SIGNAL(SPF_FAIL, "spf-fail", SIGNAL_MAIL, 3.0, "the sender's domain forbids this address to send (SPF)", "发件人域不允许该地址发信（SPF）")
SIGNAL(SPF_SOFTFAIL, "spf-softfail", SIGNAL_MAIL, 1.0, "the sender's domain doubts this address (SPF ~all)", "发件人域不认可该地址（SPF ~all）")
SIGNAL(SPF_NONE, "spf-none", SIGNAL_MAIL, 0.3, "the sender's domain says nothing about who may send (no SPF)", "发件人域没有发布 SPF")
SIGNAL(SPF_PERMERROR, "spf-permerror", SIGNAL_MAIL, 0.8, "the sender's SPF record is broken", "发件人域的 SPF 记录有错误")
SIGNAL(SPF_TEMPERROR, "spf-temperror", SIGNAL_MAIL, 0.0, "the sender's SPF record could not be looked up", "暂时无法查询发件人域的 SPF")
