// What is looked at now.

export const state = { index: "", about: null, groups: [], groupOf: null };

export const labelOf = (code) => (code < 0 ? null : state.about.labels[code].label);

export const hiddenCodes = () => state.groups.filter((group) => !group.shown).flatMap((group) => group.codes);
