export function BlockView(_: { readonly id: string }) {
  return null;
}
