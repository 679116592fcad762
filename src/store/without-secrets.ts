/** What is stored without a step having said it: what people typed, and what servers answered to the daemon itself. */
import type { FactWrite, JournalEntry, OutboxMessage, Store } from '../ports/store.ts';
import { redactData, redactProse, redactText } from '../support/redact.ts';

type Posted = Parameters<Store['post']>[0];

/** As it was given, without secrets; for every implementation of the port, before it writes anything. */
export function postedWithoutSecrets({ messages, facts, journal, now }: Posted): Posted {
  return {
    now,
    ...(messages === undefined ? {} : { messages: messages.map(ofMessage) }),
    ...(facts === undefined ? {} : { facts: facts.map(ofFact) }),
    ...(journal === undefined ? {} : { journal: journal.map(ofEntry) }),
  };
}

function ofEntry(entry: JournalEntry): JournalEntry {
  return { ...entry, message: redactText(entry.message), data: redactData(entry.data) };
}

function ofFact(fact: FactWrite): FactWrite {
  return fact.exact === true ? fact : { ...fact, value: redactProse(fact.value) };
}

function ofMessage(message: OutboxMessage): OutboxMessage {
  return { ...message, event: redactProse(message.event) };
}
