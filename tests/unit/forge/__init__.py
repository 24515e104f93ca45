"""Tests of the forge: families, dispatch, stage parameters, tensors."""
