export function TransactionView(_: { readonly hash: string }) {
  return null;
}
