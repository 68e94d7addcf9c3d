"""Three passages of a bank, and questions whose answer is one of them."""

from __future__ import annotations

PASSAGES = {
    "fee": "There is no fee for cash at our machines. Other banks take two euros.",
    "card": "A lost card is blocked at once when you call us. A new one comes within five days.",
    "transfer": "A transfer takes one day. Transfers abroad take three days.",
}
QUESTIONS = {
    "what is the fee for cash": "fee",
    "is cash free at other banks": "fee",
    "I lost my card": "card",
    "when does the new card come": "card",
    "how long does a transfer take": "transfer",
    "do transfers abroad take long": "transfer",
}
