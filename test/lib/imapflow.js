// imapflow against a server, for test/clients.py:
//
//     node imapflow.js FOLDER-OF-IMAPFLOW PORT CA-FILE LOGIN PASSWORD
//
// The account has 30 messages in INBOX and 5 in 项目/二〇二四年 报告. The last line said is "done", or an error with exit code 1.
'use strict';
const assert = require('assert');
const fs = require('fs');
const [where, port, ca, user, pass] = process.argv.slice(2);
const { ImapFlow } = require(where);
const DEEP = '项目/二〇二四年 报告', MADE = '收据 & "others"';

function connection() {
	return new ImapFlow({
		host: 'localhost', port: Number(port), secure: true, auth: { user, pass }, tls: { ca: fs.readFileSync(ca) },
		logger: false, qresync: true
	});
}

function letter(subject) {
	return Buffer.from(`From: a@here.test\r\nTo: b@here.test\r\nSubject: ${subject}\r\n\r\nwritten by imapflow\r\n`);
}

// What an event brings, and the milliseconds until it came.
function next(client, event) {
	const started = Date.now();
	return new Promise((good, bad) => {
		const timer = setTimeout(() => bad(new Error(`no ${event} within 5 s`)), 5000);
		client.once(event, what => {
			clearTimeout(timer);
			good({ what, after: Date.now() - started });
		});
	});
}

async function folders(c) {
	const paths = (await c.list({ statusQuery: { messages: true, unseen: true } })).map(f => [f.path, f.status && f.status.messages]);
	assert.deepStrictEqual(new Map(paths).get('INBOX'), 30);
	assert.deepStrictEqual(new Map(paths).get(DEEP), 5);
	const s = await c.status(DEEP, { messages: true, uidNext: true, uidValidity: true, highestModseq: true, unseen: true });
	assert.strictEqual(s.messages, 5);
	assert.strictEqual(s.uidNext, 6);
	assert.ok(s.highestModseq > 0n && s.uidValidity > 0n);
	assert.ok((await c.mailboxCreate(MADE)).created);
}

async function reading(c) {
	let seen = 0;
	for await (const m of c.fetch('1:*', { uid: true, flags: true, envelope: true, bodyStructure: true, internalDate: true, size: true, source: true })) {
		seen++;
		assert.ok(m.bodyStructure.type && m.internalDate instanceof Date);
		assert.strictEqual(m.source.length, m.size);
		assert.ok(m.source.toString('latin1').startsWith(`X-Letter: ${seen - 1}\r\n`));
		if (seen % 3 !== 1)
			assert.strictEqual(m.envelope.subject, `number ${seen - 1}`);
	}
	assert.strictEqual(seen, 30);
	const { meta, content } = await c.download('2');
	const parts = [];
	for await (const part of content)
		parts.push(part);
	assert.strictEqual(Buffer.concat(parts).length, meta.expectedSize);
	assert.deepStrictEqual(await c.search({ subject: 'number 11' }, { uid: true }), [12]);
	assert.deepStrictEqual(await c.search({ keyword: 'work', seen: true, not: { uid: '1:10' } }, { uid: true }), [12, 18, 24, 30]);
	assert.deepStrictEqual(await c.search({ or: [{ flagged: true, uid: '1:5' }, { uid: '29' }] }, { uid: true }), [4, 29]);
}

// Another session does something; this one waits in IDLE.
async function waiting(c, other) {
	const idle = c.idle();
	await new Promise(good => setTimeout(good, 300));
	const came = next(c, 'exists');
	const added = await other.append('INBOX', letter('新信'), ['\\Seen', 'from-other'], new Date(1700000000000));
	assert.strictEqual(added.uid, 31);
	const exists = await came;
	assert.strictEqual(exists.what.count, 31);
	assert.ok(exists.after < 1000, `the event came after ${exists.after} ms`);
	const changed = next(c, 'flags');
	await other.messageFlagsAdd('1', ['\\Flagged', '$label'], { uid: true });
	assert.ok((await changed).what.flags.has('$label'));
	const gone = next(c, 'expunge');
	const moved = await other.messageMove('2:3', MADE, { uid: true });
	assert.deepStrictEqual([...moved.uidMap], [[2, 1], [3, 2]]);
	await gone;
	await c.noop();
	await idle;
	assert.strictEqual(c.mailbox.exists, 29);
}

async function changes(c, other) {
	const since = c.mailbox.highestModseq;
	await other.messageFlagsAdd('10,20', ['\\Answered'], { uid: true });
	await c.noop();
	const found = [];
	for await (const m of c.fetch('1:*', { uid: true, flags: true }, { uid: true, changedSince: since }))
		found.push(m.uid);
	assert.deepStrictEqual(found, [10, 20]);
	assert.ok(await c.messageCopy('10', DEEP, { uid: true }));
	assert.ok(await c.messageDelete('20', { uid: true }));
	assert.deepStrictEqual(await c.search({ uid: '20' }, { uid: true }), []);
	assert.strictEqual((await c.status(DEEP, { messages: true })).messages, 6);
	assert.ok((await c.mailboxRename(MADE, `${DEEP}/${MADE}`)).newPath);
	assert.strictEqual((await c.status(`${DEEP}/${MADE}`, { messages: true })).messages, 2);
}

async function main() {
	const c = connection(), other = connection();
	await c.connect();
	await other.connect();
	for (const what of ['COMPRESS=DEFLATE', 'CONDSTORE', 'IDLE', 'MOVE', 'UIDPLUS', 'ESEARCH'])
		assert.ok(c.capabilities.has(what), what);
	assert.ok(c._deflate && c._inflate, 'not compressed');
	await folders(c);
	await c.mailboxOpen('INBOX');
	await other.mailboxOpen('INBOX');
	await reading(c);
	await waiting(c, other);
	await changes(c, other);
	await other.logout();
	await c.logout();
	console.log('done');
}

main().catch(error => {
	console.log(error.stack, error.responseText || '', error.executedCommand || '');
	process.exit(1);
});
